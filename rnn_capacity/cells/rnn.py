"""The vanilla RNN."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from rnn_capacity.cells.base import Ahead, Projected, Saved, State
from rnn_capacity.cells.gated import GatedCell, total


class RNNCell(GatedCell):
    """h = s(W_h h' + W_x x + b) (Collins et al. 2017, eq. 1).

    The same function as `torch.nn.RNNCell`, with one bias. Its recurrent matrix does not start from the identity:
    that network is the IRNN.
    """

    gates = ("candidate",)
    recurrent_kinds: ClassVar[tuple[str, ...]] = ("orthogonal", "normal")

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """One time step; output and state are h, (batch, hidden_size)."""
        hidden = self.activation(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """One time step of K networks."""
        hidden = self.activation.in_place(self.recur_in(projected[0], state[0], weights[0]))
        return hidden, (hidden,), (state[0], hidden)

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
        before, hidden = saved
        (gates,) = projected
        self.activation.slope(total(above, ahead[0]), hidden, grad_input=gates)
        return (self.recur_back(gates, before, weights[0], gradients[0], room=ahead[0]),)
