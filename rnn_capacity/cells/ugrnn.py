"""The update-gate RNN (UGRNN) cell."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells.base import Projected, State
from rnn_capacity.cells.gated import GatedCell


class UGRNNCell(GatedCell):
    """The update-gate RNN (Collins et al. 2017, eq. 2-4).

    c = s(W_ch h' + W_cx x + b_c), g = sigmoid(W_gh h' + W_gx x + b_g + b_fg), h = g·h' + (1 - g)·c. Arguments and
    errors are those of `GatedCell`.

    Example:
        >>> import torch
        >>> cell = UGRNNCell(input_size=3, hidden_size=2, b_fg=100.0)  # a gate of 1 keeps the state
        >>> output, _ = cell(torch.zeros(1, 3), (torch.ones(1, 2),))
        >>> output.tolist()
        [[1.0, 1.0]]
    """

    gates = ("gate", "candidate")
    forget_gates = ("gate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute the new state h of one time step, (batch, hidden_size), which is also the output."""
        (hidden,) = state
        gate, candidate = self.recur(projected[0], hidden, self.weight_recurrent, mask).chunk(2, dim=-1)
        hidden = torch.lerp(self.activation(candidate), hidden, torch.sigmoid(gate))
        return hidden, (hidden,)
