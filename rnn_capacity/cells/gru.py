"""The gated recurrent unit (GRU) cell."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_capacity.cells.base import Projected, State
from rnn_capacity.cells.gated import GatedCell


class GRUCell(GatedCell):
    """The gated recurrent unit (Collins et al. 2017, eq. 5-8).

    r = sigmoid(W_rh h' + W_rx x + b_r), u = sigmoid(W_uh h' + W_ux x + b_u + b_fg),
    c = s(W_ch (r·h') + W_cx x + b_c), h = u·h' + (1 - u)·c.

    The reset gate acts before the recurrent product, so the candidate's recurrent matrix is a parameter of its own.
    `torch.nn.GRUCell` resets after the product: a different function unless r = 1. Arguments and errors are those of
    `GatedCell`.

    Example:
        >>> import torch
        >>> cell = GRUCell(input_size=3, hidden_size=4)
        >>> output, (hidden,) = cell(torch.zeros(2, 3), (torch.zeros(2, 4),))
        >>> output.shape, output is hidden
        (torch.Size([2, 4]), True)
    """

    gates = ("reset", "update", "candidate")
    forget_gates = ("update",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity, b_fg)
        self.weight_recurrent = nn.Parameter(torch.empty(2 * hidden_size, hidden_size))
        self.weight_candidate = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.reset_parameters()

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute the new state h of one time step, (batch, hidden_size), which is also the output."""
        (hidden,) = state
        size = self.hidden_size
        gates, candidate = torch.split(projected[0], [2 * size, size], dim=-1)
        gates = torch.sigmoid(self.recur(gates, hidden, self.weight_recurrent, mask))
        reset, update = gates.chunk(2, dim=-1)
        candidate = self.activation(self.recur(candidate, reset * hidden, self.weight_candidate, mask))
        hidden = torch.lerp(candidate, hidden, update)
        return hidden, (hidden,)

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """Return views of the recurrent matrices W_h by gate name, (hidden_size, hidden_size) each."""
        if "weight_candidate" not in self._parameters:  # while the base class draws its own parameters
            return {}
        reset, update = self.weight_recurrent.chunk(2)
        return {"reset": reset, "update": update, "candidate": self.weight_candidate}
