"""Accuracy and cross-entropy of strings that a network writes character by character."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.metrics.summed import Direction, SummedMetric

UNSCORED = -100
"""Target value of a time step whose character is not scored; pass it to torch's cross-entropy as `ignore_index`."""


def nats_per_character(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the cross-entropy of each string, averaged over its scored characters.

    Args:
        logits: (samples, T, V): logits of V characters at T time steps.
        targets: Characters, (samples, T), int64 in [0, V), or UNSCORED; every string has at least one scored character.

    Returns:
        Nats per scored character, (samples,).

    Example:
        >>> import torch
        >>> from rnn_capacity.metrics import UNSCORED
        >>> nats_per_character(torch.zeros(1, 3, 4), torch.tensor([[0, 3, UNSCORED]]))
        tensor([1.3863])
    """
    nats = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=UNSCORED, reduction="none")
    return nats.sum(1) / (targets != UNSCORED).sum(1)


def character_accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the accuracy of each string over its scored characters.

    Args:
        logits: (samples, T, V): logits of V characters at T time steps.
        targets: Characters, (samples, T), int64 in [0, V), or UNSCORED; every string has at least one scored character.

    Returns:
        Accuracies, (samples,), in [0, 1].

    Example:
        >>> import torch
        >>> character_accuracy(torch.eye(3).unsqueeze(0), torch.tensor([[0, 1, 0]]))
        tensor([0.6667])
    """
    correct = logits.argmax(-1) == targets  # false at every unscored step
    return correct.sum(1) / (targets != UNSCORED).sum(1)


class CharacterAccuracy(SummedMetric):
    """Cross-entropy and accuracy per scored character, and the share of strings without any error.

    Each string has the same weight, whatever its number of scored characters. The metric keeps sums over strings, so
    that any split into batches and processes gives the same result.

    Example:
        >>> import torch
        >>> metric = CharacterAccuracy()
        >>> metric.update(20 * torch.eye(3).expand(2, 3, 3), torch.tensor([[0, 1, 2], [0, 1, 0]]))
        >>> round(metric.compute()["character_accuracy"], 3), metric.compute()["exact_match"]
        (0.833, 0.5)
    """

    directions: ClassVar[dict[str, Direction]] = {
        "cross_entropy": "min",
        "character_accuracy": "max",
        "exact_match": "max",
    }

    samples: Tensor
    nats: Tensor
    accuracies: Tensor
    exact: Tensor

    def __init__(self) -> None:
        super().__init__()
        zero = torch.tensor(0)
        self.add_sums(samples=zero, nats=zero.float(), accuracies=zero.float(), exact=zero)

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add the logits and target characters of a batch to the sums of the metric.

        Args:
            logits: (samples, T, V): logits of V characters at T time steps.
            targets: Characters, (samples, T), int64 in [0, V), or UNSCORED; every string has at least one scored
                character.
        """
        accuracies = character_accuracy(logits, targets)
        self.samples += len(targets)
        self.nats += nats_per_character(logits, targets).sum()
        self.accuracies += accuracies.sum()
        self.exact += (accuracies == 1).sum()

    def compute(self) -> dict[str, float]:
        """Return `cross_entropy` in nats per character, `character_accuracy` and `exact_match` over all strings."""
        samples = int(self.samples)
        return {
            "cross_entropy": float(self.nats) / samples,
            "character_accuracy": float(self.accuracies) / samples,
            "exact_match": int(self.exact) / samples,
        }
