"""Accuracy and cross-entropy of several counts that a network predicts at once."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.metrics.summed import Direction, SummedMetric


def counting_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the cross-entropy of each sequence, summed over its counts (Collins et al. 2017, App. B).

    Args:
        logits: (batch, counts, values).
        targets: Counts, (batch, counts), int64 in [0, values).

    Returns:
        Nats, (batch,).

    Example:
        >>> import torch
        >>> counting_loss(torch.zeros(1, 10, 10), torch.zeros(1, 10, dtype=torch.int64))
        tensor([23.0259])
    """
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").sum(1)


class CountAccuracy(SummedMetric):
    """Cross-entropy per sequence, the accuracy of single counts, and the share of sequences without any error.

    Example:
        >>> import torch
        >>> metric = CountAccuracy()
        >>> metric.update(torch.eye(3).unsqueeze(0), torch.tensor([[0, 1, 0]]))
        >>> round(metric.compute()["count_accuracy"], 3), metric.compute()["sequence_accuracy"]
        (0.667, 0.0)
    """

    directions: ClassVar[dict[str, Direction]] = {
        "cross_entropy": "min",
        "count_accuracy": "max",
        "sequence_accuracy": "max",
    }

    nats: Tensor
    correct_counts: Tensor
    counts: Tensor
    correct_sequences: Tensor
    sequences: Tensor

    def __init__(self) -> None:
        super().__init__()
        zero = torch.tensor(0)
        self.add_sums(nats=zero.float(), correct_counts=zero, counts=zero, correct_sequences=zero, sequences=zero)

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add the logits and target counts of a batch to the sums of the metric.

        Args:
            logits: (batch, counts, values).
            targets: Counts, (batch, counts), int64.
        """
        correct = logits.argmax(-1) == targets
        self.nats += counting_loss(logits, targets).sum()
        self.correct_counts += correct.sum()
        self.counts += correct.numel()
        self.correct_sequences += correct.all(1).sum()
        self.sequences += len(correct)

    def compute(self) -> dict[str, float]:
        """Return `cross_entropy` in nats per sequence, `count_accuracy` and `sequence_accuracy` over all sequences."""
        sequences = int(self.sequences)
        return {
            "cross_entropy": float(self.nats) / sequences,
            "count_accuracy": int(self.correct_counts) / int(self.counts),
            "sequence_accuracy": int(self.correct_sequences) / sequences,
        }
