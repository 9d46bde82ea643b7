"""The base of the torchmetrics, which sum over samples."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torchmetrics import Metric

Direction = Literal["min", "max"]
"""Whether the smallest or the largest value of a metric is the best."""


class SummedMetric(Metric):
    """Base of the metrics that keep sums over samples, so that any split into batches and processes gives the same."""

    full_state_update = False

    directions: ClassVar[dict[str, Direction]]
    """Whether the largest or the smallest value of each metric is the best."""

    def add_sums(self, **zeros: Tensor) -> None:
        """Add states that are sums over batches and processes.

        Args:
            **zeros: The sums of no samples by the states' names.
        """
        for name, zero in zeros.items():
            self.add_state(name, zero.clone(), dist_reduce_fx="sum")  # a sum changes its tensor in place
