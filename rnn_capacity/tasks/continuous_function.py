"""Random continuous function: memorise random targets of random real inputs (Collins et al. 2017, App. B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.checks import check_choice, check_finite, check_memory, check_minimum
from rnn_capacity.metrics import ImpliedBits, sample_weights
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FixedTask, Show, generator

Sampling = Literal["weighted", "uniform"]

DRAW, CHOICE = range(2)
"""Numbers that, with the task's seed, seed the random generators of the samples and of the minibatches."""

BLOCK = 16384
"""Number of samples that are drawn at once, from one random generator."""


@dataclass(frozen=True)
class ContinuousFunction(FixedTask):
    """Memorise N(0, 1) targets of fixed random inputs on the unit sphere, with a loss that weighs early samples most.

    The loss is Σ β_i (y_i - ŷ_i)² with β_i ∝ 1/(i + τ) and Σβ = 1, so that networks of any size learn the same data in
    the same order. Predicting zero has a loss of 1 in expectation. Training, validation and test set are the same.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> import torch
        >>> source = ContinuousFunction(samples=100).batch_source(torch.device("cpu"), torch.float32)
        >>> source.batch(0).inputs.shape, source.batch(0).targets.shape
        (torch.Size([512, 1, 50]), torch.Size([512]))
    """

    name = "continuous_function"
    primary_metric = "implied_bits_per_parameter"
    metric_directions = ImpliedBits.directions
    output_size = 1
    loss_kind = "squared"
    training_loss = "squared error"
    baseline_loss = 1.0  # the variance of the targets

    samples: int = 1_000_000
    """Number N of samples. With the same seed a smaller set is the beginning of a larger one."""

    input_size: int = 50
    """Dimension d of an input vector."""

    tau: float = 5000.0
    """Offset τ of the weights: sample i has a weight proportional to 1/(i + tau)."""

    steps: int = 50
    """Number T of time steps that the network runs; only the last output is scored."""

    show: Show = "first"
    """When the network reads the input: at the first time step, zeros after it (first), or at every time step
    (every)."""

    batch_size: int | None = 512
    """Number of samples per optimizer step over all devices, drawn with replacement; null takes every sample once."""

    sampling: Sampling = "weighted"
    """How a minibatch is drawn: samples by their loss weight (weighted), or uniformly, with the weights in the loss
    (uniform). Both are unbiased; the first has less variance. The paper does not say which it uses."""

    seed: int = 0
    """Seed of the samples and the minibatches; the network's weights have another seed."""

    def __post_init__(self) -> None:
        check_finite(**vars(self))
        check_minimum(1, samples=self.samples, input_size=self.input_size, steps=self.steps, batch_size=self.batch_size)
        check_minimum(0, seed=self.seed, tau=self.tau)
        check_memory(samples=self.samples * self.input_size, steps=self.steps)
        check_choice(get_args(Show), show=self.show)
        check_choice(get_args(Sampling), sampling=self.sampling)

    def block(self, index: int) -> tuple[Tensor, Tensor]:
        """Draw the block of samples that begins at BLOCK · index, a pure function of the seed and the index.

        Returns:
            Inputs, (BLOCK, input_size), of norm 1, and targets, (BLOCK,); float32.
        """
        random = generator(self.seed, DRAW, index)
        inputs = F.normalize(torch.randn(BLOCK, self.input_size, generator=random, dtype=torch.float32))
        return inputs, torch.randn(BLOCK, generator=random, dtype=torch.float32)

    def sample_blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets in blocks of at most BLOCK samples, which limits peak memory."""
        for index, start in enumerate(range(0, self.samples, BLOCK)):
            inputs, targets = self.block(index)
            yield inputs[: self.samples - start], targets[: self.samples - start]

    def sample_weights(self) -> Tensor:
        """Return the weight N β_i of each sample in the mean loss, (samples,)."""
        return self.samples * sample_weights(self.samples, self.tau)

    @cached_property
    def cumulative_weights(self) -> Tensor:
        """Cumulative weights of the samples, Σ_{j ≤ i} β_j, (samples,), float64."""
        return sample_weights(self.samples, self.tau).cumsum(0)

    def minibatch(self, step: int) -> Tensor | None:
        """Draw the sample indices of an optimizer step with replacement, by weight or uniformly, or return None."""
        if self.batch_size is None:
            return None
        random = generator(self.seed, CHOICE, step)
        if self.sampling == "uniform":
            return torch.randint(self.samples, (self.batch_size,), generator=random)
        places = torch.rand(self.batch_size, dtype=torch.float64, generator=random) * self.cumulative_weights[-1]
        return torch.searchsorted(self.cumulative_weights, places, right=True)

    @property
    def weighs_minibatches(self) -> bool:
        """Whether the loss of a minibatch is a weighted mean, as it is if the samples were drawn uniformly."""
        return self.sampling == "uniform"

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute the squared error of each sample, (batch,)."""
        return (batch.targets - predictions[:, -1, 0]).square()

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the metric of the weighted squared error and the bits that it implies."""
        return ImpliedBits(network.parameters_total, self.samples, self.tau)

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the outputs of the last time step, the targets and the sample weights of a batch to the metric."""
        weights = torch.ones_like(batch.targets) if batch.weights is None else batch.weights
        metric.update(predictions[:, -1, 0], batch.targets, weights)

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of predicting zero, which implies no bits."""
        return {"weighted_mse": 1.0, "implied_bits": 0.0, "implied_bits_per_parameter": 0.0}
