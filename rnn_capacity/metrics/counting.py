"""How well several counts are told at once, summed over batches and processes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric


def counting_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each sequence, the sum over its counts, in nats (Collins et al. 2017, App. B).

    Args:
        logits: (batch, counts, values).
        targets: The counts, (batch, counts), int64 in [0, values).

    Returns:
        (batch,).
    """
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").sum(1)


class Counting(Metric):
    """Cross-entropy in nats per sequence, the share of counts right, and of sequences with every count right.

    A count is right where its largest logit is.
    """

    full_state_update = False
    higher_is_better = True

    nats: Tensor
    counts_right: Tensor
    counts: Tensor
    sequences_right: Tensor
    sequences: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("nats", torch.tensor(0.0), dist_reduce_fx="sum")
        for name in ("counts_right", "counts", "sequences_right", "sequences"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            logits: (batch, counts, values).
            targets: The counts, (batch, counts), int64.
        """
        right = logits.argmax(-1) == targets
        self.nats += counting_loss(logits, targets).sum()
        self.counts_right += right.sum()
        self.counts += right.numel()
        self.sequences_right += right.all(1).sum()
        self.sequences += len(right)

    def compute(self) -> dict[str, float]:
        """The figures under the names of summary.json."""
        sequences = int(self.sequences)
        return {
            "cross_entropy": float(self.nats) / sequences,
            "counts_right": int(self.counts_right) / int(self.counts),
            "sequences_right": int(self.sequences_right) / sequences,
        }
