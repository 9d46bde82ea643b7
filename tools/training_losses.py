"""Random mapping tasks with other losses, for the ways of training that tools/training_methods.py compares."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import Batch, LossKind


class ConstantExponent(RandomMapping):
    """The random mapping with the same exponent of the generalized cross-entropy at all steps."""

    def loss_exponents(self, total_steps: int) -> Tensor:
        """Return the exponent of each step, (total_steps,)."""
        return torch.full((total_steps,), self.loss_exponent, dtype=torch.float64)


class SquaredError(RandomMapping):
    """The random mapping with the squared error of labels of -1 and 1 as its loss."""

    @property
    def loss_kind(self) -> LossKind:
        """Loss type, for the compiled kernel."""
        return "squared"

    def sample_blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the encoded inputs and the labels of -1 and 1."""
        inputs, labels = self.draw_samples()
        yield inputs, 2 * labels - 1

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute each sample's squared error, (batch,)."""
        return (predictions[:, -1, 0] - batch.targets).square()

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the outputs of the last time step and the labels of a batch to the metric."""
        metric.update(predictions[:, -1], (batch.targets > 0).long())
