"""The vanilla RNN cell."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from rnn_capacity.cells.base import Projected, State
from rnn_capacity.cells.gated import GatedCell


class RNNCell(GatedCell):
    """The vanilla RNN, h = s(W_h h' + W_x x + b) (Collins et al. 2017, eq. 1).

    The same function as `torch.nn.RNNCell`, with one bias. Its recurrent matrix does not start from the identity:
    that network is the IRNN. Arguments and errors are those of `GatedCell`.

    Example:
        >>> import torch
        >>> cell = RNNCell(input_size=3, hidden_size=4)
        >>> output, (hidden,) = cell(torch.zeros(2, 3), (torch.zeros(2, 4),))
        >>> output.shape, output is hidden
        (torch.Size([2, 4]), True)
    """

    gates = ("candidate",)
    recurrent_kinds: ClassVar[tuple[str, ...]] = ("orthogonal", "normal")

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute the new state h of one time step, (batch, hidden_size), which is also the output."""
        hidden = self.activation(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)
