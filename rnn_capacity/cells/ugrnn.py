"""The update-gate RNN."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells.base import Ahead, Projected, Saved, State
from rnn_capacity.cells.gated import GatedCell, total


class UGRNNCell(GatedCell):
    """The update-gate RNN (Collins et al. 2017, eq. 2-4).

    c = s(W_ch h' + W_cx x + b_c), g = sigmoid(W_gh h' + W_gx x + b_g + b_fg), h = g·h' + (1 - g)·c.
    """

    gates = ("gate", "candidate")
    forget_gates = ("gate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """One time step; output and state are h, (batch, hidden_size)."""
        (hidden,) = state
        gate, candidate = self.recur(projected[0], hidden, self.weight_recurrent, mask).chunk(2, dim=-1)
        hidden = torch.lerp(self.activation(candidate), hidden, torch.sigmoid(gate))
        return hidden, (hidden,)

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """One time step of K networks."""
        (before,) = state
        gates = self.recur_in(projected[0], before, weights[0])
        gate, candidate = gates.chunk(2, dim=1)
        gate.sigmoid_()
        self.activation.in_place(candidate)
        hidden = torch.lerp(candidate, before, gate)
        return hidden, (hidden,), (before, gate, candidate, hidden)

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
        before, gate, candidate, hidden = saved
        (gates,) = projected
        to_gate, to_candidate = gates.chunk(2, dim=1)
        slope = total(above, ahead[0])
        torch.addcmul(slope, slope, gate, value=-1, out=to_candidate)
        kept = torch.mul(slope, gate, out=ahead[0])
        self.activation.slope(to_candidate, candidate, grad_input=to_candidate)
        torch.sub(before, hidden, out=to_gate).mul_(kept)  # (h' - c)·g'(·) = (h' - h)·g
        return (self.recur_back(gates, before, weights[0], gradients[0], kept),)
