"""Memory: reconstruct real numbers after a delay (Collins et al. 2017, sec. 2.2, App. B)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.checks import check_choice, check_memory, check_minimum
from rnn_capacity.metrics import ReconstructionError
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FreshTask, Show


@dataclass(frozen=True)
class Memory(FreshTask):
    """Reconstruct uniform random values of variance 1 after several time steps; the loss is the squared error.

    Every optimizer step draws new samples, so that the reconstruction measures what the state carries.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> import torch
        >>> inputs, targets = Memory(input_size=3).draw_samples(2, torch.Generator().manual_seed(0))
        >>> inputs.shape, torch.equal(inputs[:, 0], targets)
        (torch.Size([2, 1, 3]), True)
    """

    name = "memory"
    primary_metric = "reals_per_unit"
    metric_directions = ReconstructionError.directions
    evaluation_batch = 8192
    training_loss = "squared error"
    baseline_loss = 1.0  # the variance of the values: the best constant prediction is zero

    input_size: int = 64
    """Number n_in of values to remember, each drawn from U(-sqrt 3, sqrt 3), which has variance 1."""

    steps: int = 12
    """Number T of time steps that the network runs; the values are read out at the last."""

    show: Show = "first"
    """When the network reads the input: at the first time step, zeros after it (first), or at every time step
    (every)."""

    batch_size: int = 128
    """Number of new random samples per optimizer step over all devices."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minimum(1, input_size=self.input_size, steps=self.steps)
        check_memory(steps=self.steps)
        check_choice(get_args(Show), show=self.show)

    @property
    def output_size(self) -> int:
        """Number of network outputs, one per value to remember."""
        return self.input_size

    def draw_samples(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw uniform values as inputs of one step, (samples, 1, input_size), and targets, (samples, input_size)."""
        values = (2 * torch.rand(samples, self.input_size, generator=random, dtype=torch.float32) - 1) * math.sqrt(3)
        return values.unsqueeze(1), values

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute the squared error of each sample, averaged over the values, (batch,)."""
        return (predictions[:, -1] - batch.targets).square().mean(1)

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the `ReconstructionError` metric: squared error, and reals recovered per unit and per state real."""
        state_reals = sum(state.numel() for state in network.stack.initial_states)
        return ReconstructionError(self.input_size, network.stack.hidden_size, state_reals)

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the outputs of the last time step and the true values of a batch to the metric."""
        metric.update(predictions[:, -1], batch.targets)

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of predicting zero, which recovers nothing."""
        return {"mse": 1.0, **dict.fromkeys(("dimensions_recovered", "reals_per_unit", "reals_per_state_real"), 0.0)}
