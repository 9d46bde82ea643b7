"""The long short-term memory (LSTM) cell."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rnn_capacity.cells.base import Projected, State
from rnn_capacity.cells.gated import GatedCell


class LSTMCell(GatedCell):
    """The long short-term memory without peepholes (Collins et al. 2017, eq. 9-14).

    i, f and o are sigmoids of their gates, f with b_fg inside; c = f·c' + i·s(W_ch h' + W_cx x + b_c); h = o·tanh(c).
    With s = tanh it is `torch.nn.LSTM`, b_fg folded into the forget gate's bias. Arguments and errors are those of
    `GatedCell`.

    Example:
        >>> import torch
        >>> cell = LSTMCell(input_size=3, hidden_size=4, b_fg=1.0)
        >>> h, c = torch.zeros(2, 4), torch.zeros(2, 4)
        >>> output, (h, c) = cell(torch.zeros(2, 3), (h, c))
        >>> output.shape, output is h
        (torch.Size([2, 4]), True)
    """

    gates = ("input", "forget", "output", "candidate")
    forget_gates = ("forget",)
    state_names: ClassVar[tuple[str, ...]] = ("h", "c")

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute the new state (h, c) of one time step, (batch, hidden_size) each; the output is h."""
        hidden, cell_state = state
        size = self.hidden_size
        gates, candidate = torch.split(
            self.recur(projected[0], hidden, self.weight_recurrent, mask), [3 * size, size], dim=-1
        )
        input_gate, forget_gate, output_gate = torch.sigmoid(gates).chunk(3, dim=-1)
        cell_state = torch.addcmul(forget_gate * cell_state, input_gate, self.activation(candidate))
        hidden = output_gate * torch.tanh(cell_state)
        return hidden, (hidden, cell_state)
