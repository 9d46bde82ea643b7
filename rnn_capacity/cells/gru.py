"""The gated recurrent unit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_capacity.cells.activations import sigmoid_slope
from rnn_capacity.cells.base import Ahead, Projected, Saved, State
from rnn_capacity.cells.gated import GatedCell, total


class GRUCell(GatedCell):
    """The gated recurrent unit (Collins et al. 2017, eq. 5-8).

    r = sigmoid(W_rh h' + W_rx x + b_r), u = sigmoid(W_uh h' + W_ux x + b_u + b_fg),
    c = s(W_ch (r·h') + W_cx x + b_c), h = u·h' + (1 - u)·c.

    The reset gate acts before the recurrent product, so the candidate's recurrent matrix is a parameter of its own.
    `torch.nn.GRUCell` resets after the product: a different function unless r = 1.
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
        """One time step; output and state are h, (batch, hidden_size)."""
        (hidden,) = state
        size = self.hidden_size
        gates, candidate = torch.split(projected[0], [2 * size, size], dim=-1)
        gates = torch.sigmoid(self.recur(gates, hidden, self.weight_recurrent, mask))
        reset, update = gates.chunk(2, dim=-1)
        candidate = self.activation(self.recur(candidate, reset * hidden, self.weight_candidate, mask))
        hidden = torch.lerp(candidate, hidden, update)
        return hidden, (hidden,)

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """Views of the recurrent matrices, (hidden_size, hidden_size) each, by gate."""
        if "weight_candidate" not in self._parameters:
            return {}
        reset, update = self.weight_recurrent.chunk(2)
        return {"reset": reset, "update": update, "candidate": self.weight_candidate}

    def recurrent_weights(self) -> tuple[Tensor, ...]:
        """The recurrent matrices of the gates, and the candidate's."""
        return self.weight_recurrent, self.weight_candidate

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """One time step of K networks."""
        (before,) = state
        size = self.hidden_size
        gates, candidate = torch.split(projected[0], [2 * size, size], dim=1)
        gates = self.recur_in(gates, before, weights[0]).sigmoid_()
        reset, update = gates.chunk(2, dim=1)
        kept = reset * before
        candidate = self.activation.in_place(self.recur_in(candidate, kept, weights[1]))
        hidden = torch.lerp(candidate, before, update)
        return hidden, (hidden,), (before, gates, kept, candidate, hidden)

    def backward_step(
        self,
        saved: Saved,
        above: Tensor | None,
        ahead: Ahead,
        projected: Projected,
        weights: tuple[Tensor, ...],
        gradients: tuple[Tensor, ...],
    ) -> Ahead:
        """The way back."""
        before, gates, kept, candidate, hidden = saved
        size = self.hidden_size
        reset, update = gates.chunk(2, dim=1)
        to_gates, to_candidate = torch.split(projected[0], [2 * size, size], dim=1)
        to_reset, to_update = to_gates.chunk(2, dim=1)
        slope = total(above, ahead[0])
        torch.addcmul(slope, slope, update, value=-1, out=to_candidate)
        through = torch.mul(slope, update, out=ahead[0])
        self.activation.slope(to_candidate, candidate, grad_input=to_candidate)
        torch.sub(before, hidden, out=to_update).mul_(through)  # (h' - c)·u'(·) = (h' - h)·u
        to_kept = self.recur_back(to_candidate, kept, weights[1], gradients[1])
        torch.mul(to_kept, before, out=to_reset)
        through.addcmul_(to_kept, reset)
        sigmoid_slope(to_reset, reset, grad_input=to_reset)
        return (self.recur_back(to_gates, before, weights[0], gradients[0], through),)
