"""Bits per character of a language model."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.metrics.summed import Direction, SummedMetric


class BitsPerCharacter(SummedMetric):
    """Bits per character of a language model, the mean negative log2-likelihood of the next character.

    Args:
        entropy_rate: Bits per character of the text's source where it is known; the least that a model can reach.

    Example:
        >>> import torch
        >>> metric = BitsPerCharacter(entropy_rate=1.5)
        >>> metric.update(torch.zeros(1, 5, 4), torch.tensor([[0, 1, 2, 3, 0]]))
        >>> {name: round(value, 3) for name, value in metric.compute().items()}
        {'bits_per_character': 2.0, 'entropy_rate': 1.5, 'excess_bits_per_character': 0.5}
    """

    directions: ClassVar[dict[str, Direction]] = {"bits_per_character": "min", "excess_bits_per_character": "min"}

    nats: Tensor
    characters: Tensor

    def __init__(self, entropy_rate: float | None = None) -> None:
        super().__init__()
        self.entropy_rate = entropy_rate
        # a sum in float32 loses the last digits after some million characters, and some devices have no float64
        self.add_sums(nats=torch.zeros(2), characters=torch.tensor(0))

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add the logits and target characters of a batch to the sums of the metric.

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
        """Return `bits_per_character` and, for a text of known entropy rate, the excess over that rate."""
        bits = float(self.nats[0].double().item() + self.nats[1].double().item()) / math.log(2) / int(self.characters)
        if self.entropy_rate is None:
            return {"bits_per_character": bits}
        excess = bits - self.entropy_rate
        return {
            "bits_per_character": bits,
            "entropy_rate": self.entropy_rate,
            "excess_bits_per_character": excess,
        }
