"""A cell that a user might bring."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import GatedCell, Projected, State


class MinimalGatedUnit(GatedCell):
    """The minimal gated unit (Zhou et al. 2016), with the gate k = 1 - f: k = sigmoid(W_kh h' + W_kx x + b_k),
    c = s(W_ch ((1 - k)·h') + W_cx x + b_c), h = k·h' + (1 - k)·c."""

    gates = ("keep", "candidate")
    forget_gates = ("keep",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        (hidden,) = state
        keep_input, candidate_input = projected[0].chunk(2, dim=-1)
        keep_weight, candidate_weight = self.weight_recurrent.chunk(2)
        keep = torch.sigmoid(self.recur(keep_input, hidden, keep_weight, mask))
        candidate = self.recur(candidate_input, (1 - keep) * hidden, candidate_weight, mask)
        hidden = torch.lerp(self.activation(candidate), hidden, keep)
        return hidden, (hidden,)
