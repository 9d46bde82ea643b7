"""A cell that a user might bring."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import GatedCell, Projected, State


class MinimalGatedUnit(GatedCell):
    """A minimal gated unit: f = sigmoid(·), c = tanh(·), h = f·h' + (1 - f)·c, with one product for both gates."""

    gates = ("forget", "candidate")
    forget_gates = ("forget",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        (hidden,) = state
        forget, candidate = self.recur(projected[0], hidden, self.weight_recurrent, mask).chunk(2, dim=-1)
        hidden = torch.lerp(torch.tanh(candidate), hidden, torch.sigmoid(forget))
        return hidden, (hidden,)
