"""How well a network says a string, character by character."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

UNSCORED = -100
"""The target of a step whose character does not count."""


def nats_per_character(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each string, the mean over its scored characters.

    Args:
        logits: (samples, T, V), of the V characters at T steps.
        targets: The characters, (samples, T), int64 in [0, V), or UNSCORED; at least one of a string is scored.

    Returns:
        (samples,), nats per scored character.
    """
    nats = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=UNSCORED, reduction="none")
    return nats.sum(1) / (targets != UNSCORED).sum(1)


def share_right(logits: Tensor, targets: Tensor) -> Tensor:
    """The share of each string's scored characters that are the likeliest of their step, (samples,), in [0, 1].

    Args:
        logits: (samples, T, V), of the V characters at T steps.
        targets: The characters, (samples, T), int64 in [0, V), or UNSCORED; at least one of a string is scored.
    """
    right = logits.argmax(-1) == targets  # never so where the target is UNSCORED
    return right.sum(1) / (targets != UNSCORED).sum(1)


class CharactersRight(Metric):
    """Cross-entropy and share right per scored character, and the share of strings that are right as a whole.

    The figures are means over the samples, of `nats_per_character` and of `share_right`: every string weighs the same,
    however many of its characters are scored. Sums over samples are kept, so that any split into batches and processes
    gives the same result.
    """

    full_state_update = False

    samples: Tensor
    nats: Tensor
    right: Tensor
    exact: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("samples", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("nats", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("right", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("exact", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            logits: (samples, T, V), of the V characters at T steps.
            targets: The characters, (samples, T), int64 in [0, V), or UNSCORED; at least one of a string is scored.
        """
        shares = share_right(logits, targets)
        self.samples += len(targets)
        self.nats += nats_per_character(logits, targets).sum()
        self.right += shares.sum()
        self.exact += (shares == 1).sum()

    def compute(self) -> dict[str, float]:
        """The figures under the names of summary.json; the cross-entropy is in nats."""
        samples = int(self.samples)
        return {
            "cross_entropy": float(self.nats) / samples,
            "characters_right": float(self.right) / samples,
            "exact_match": int(self.exact) / samples,
        }
