"""Base class of the package's torchmetrics, which keep sums over samples."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torchmetrics import Metric

Direction = Literal["min", "max"]
"""Direction of a metric's optimum: "min" if smaller values are better, "max" if larger ones are."""


class SummedMetric(Metric):
    """Base of metrics that keep sums over samples, so that the split into batches and processes does not matter."""

    full_state_update = False

    directions: ClassVar[dict[str, Direction]]
    """Direction of each metric that `compute` returns: "min" if smaller values are better, "max" if larger ones are."""

    def add_sums(self, **zeros: Tensor) -> None:
        """Register metric states that are summed over batches and processes.

        Args:
            **zeros: The sums of no samples by the states' names.
        """
        for name, zero in zeros.items():
            self.add_state(name, zero.clone(), dist_reduce_fx="sum")  # a sum changes its tensor in place
