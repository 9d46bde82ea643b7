"""How well the next character is predicted."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric


class BitsPerCharacter(Metric):
    """Mean negative log2-likelihood of the characters, over any split into batches and processes.

    Args:
        entropy_rate: Bits per character of the source, where it is known; no model does better in the long run.
    """

    full_state_update = False
    higher_is_better = False

    nats: Tensor
    characters: Tensor

    def __init__(self, entropy_rate: float | None = None) -> None:
        super().__init__()
        self.entropy_rate = entropy_rate
        # a sum in float32 loses the last digits after some million characters, and some devices have no float64
        self.add_state("nats", torch.zeros(2), dist_reduce_fx="sum")
        self.add_state("characters", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            logits: (batch, steps, symbols).
            targets: (batch, steps), int64.
        """
        nats = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
        total = self.nats[0] + nats
        lost = (self.nats[0] - total) + nats  # Kahan's compensation, for a sum that only grows
        self.nats = torch.stack((total, self.nats[1] + lost))
        self.characters += targets.numel()

    def compute(self) -> dict[str, float]:
        """The figures under the names of summary.json."""
        bits = float(self.nats[0].double().item() + self.nats[1].double().item()) / math.log(2) / int(self.characters)
        known = {}
        if self.entropy_rate is not None:
            known = {"entropy_rate": self.entropy_rate, "excess_bits_per_character": bits - self.entropy_rate}
        return {"bits_per_character": bits, **known}
