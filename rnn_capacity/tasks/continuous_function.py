"""Random continuous function: memorise random targets of random real inputs (Collins et al. 2017, App. B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.checks import check_choice, check_minimum
from rnn_capacity.metrics import ImpliedBits, sample_weights
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, BatchSource, Split, Task, generator

Show = Literal["first", "every"]
Sampling = Literal["weighted", "uniform"]

DRAW, CHOICE = range(2)
"""First number of the purpose given to `generator`."""

BLOCK = 16384
"""Samples that are drawn at once."""

EVALUATION_BATCH = 8192
"""Samples that are evaluated at once."""


@dataclass(frozen=True)
class ContinuousFunction(Task):
    """Memorise N(0, 1) targets of fixed random inputs on the unit sphere, with a loss that weighs early samples most.

    The loss is Σ β_i (y_i - ŷ_i)² with β_i ∝ 1/(i + τ) and Σβ = 1, so that networks of any size learn the same data in
    the same order. Predicting zero has a loss of 1 in expectation. Training, validation and test set are the same.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> import torch
        >>> source = ContinuousFunction(samples=100).batch_source(torch.device("cpu"), torch.float32)
        >>> source.batch(0).inputs.shape, source.batch(0).targets.shape
        (torch.Size([512, 1, 50]), torch.Size([512, 2]))
    """

    name = "continuous_function"
    primary_metric = "implied_bits_per_parameter"
    metric_directions = ImpliedBits.directions
    output_size = 1
    final_splits = ("test",)

    samples: int = 1_000_000
    """Samples N; a smaller set is the beginning of a larger one."""

    input_size: int = 50
    """Dimension d of an input."""

    tau: float = 5000.0
    """Offset τ of the weights: sample i has a weight proportional to 1/(i + tau)."""

    steps: int = 50
    """Time steps T that the network runs; the last output is scored."""

    show: Show = "first"
    """Show the input at the first step only, zeros after it, or at every step."""

    batch_size: int | None = 512
    """Samples of an optimizer step over all devices, drawn with replacement; null is every sample once."""

    sampling: Sampling = "weighted"
    """Estimate the loss from samples drawn by their weight (weighted), or drawn uniformly and weighted in the loss
    (uniform). Both are unbiased; the first has less variance. The paper does not say which it uses."""

    seed: int = 0
    """Seed of the data and of the minibatches; the network has its own."""

    def __post_init__(self) -> None:
        check_minimum(1, samples=self.samples, input_size=self.input_size, steps=self.steps, batch_size=self.batch_size)
        check_minimum(0, seed=self.seed, tau=self.tau)
        check_choice(get_args(Show), show=self.show)
        check_choice(get_args(Sampling), sampling=self.sampling)

    @property
    def baseline_loss(self) -> float:
        """The variance of the targets, 1."""
        return 1.0

    def block(self, index: int) -> tuple[Tensor, Tensor]:
        """Draw the samples from BLOCK · index on, a pure function of the seed and the index.

        Returns:
            Inputs, (BLOCK, input_size), of norm 1, and targets, (BLOCK,); float32.
        """
        random = generator(self.seed, DRAW, index)
        inputs = F.normalize(torch.randn(BLOCK, self.input_size, generator=random, dtype=torch.float32))
        return inputs, torch.randn(BLOCK, generator=random, dtype=torch.float32)

    def batch_source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> BatchSource:
        """Put the data on a device."""
        return ContinuousFunctionBatchSource(self, device, dtype, rank, world_size)

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Return the output of the last step, (batch, 1, 1), and the last state."""
        outputs, state = network(
            batch.inputs, state, steps=self.steps, warmup=self.steps - 1, repeat_last=self.show == "every"
        )
        return outputs, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute the squared error times the sample's weight in the mean: (batch,)."""
        targets, weights = batch.targets.unbind(1)
        return weights * (targets - predictions[:, -1, 0]).square()

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the metric of the weighted squared error and the bits that it implies."""
        return ImpliedBits(network.parameters_total, self.samples, self.tau)

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the outputs of the last step."""
        metric.update(predictions[:, -1, 0], *batch.targets.unbind(1))

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of predicting zero, which implies no bits."""
        return {"weighted_mse": 1.0, "implied_bits": 0.0, "implied_bits_per_parameter": 0.0}


class ContinuousFunctionBatchSource(BatchSource):
    """Keeps all samples on one device; the targets of a batch are pairs (y, weight in the mean).

    A minibatch may need any sample: N = 1e6 of d = 50 take 208 MB in float32. They are drawn block by block, so that
    the peak of memory is little above that (`tools/bench_generation.py` measures it).

    Args:
        task: The task.
        device: The device of the data.
        dtype: Type of inputs, targets and weights.
        rank: Index of this process; it gets every `world_size`-th sample of a batch.
        world_size: Number of processes.
    """

    def __init__(
        self, task: ContinuousFunction, device: torch.device, dtype: torch.dtype, rank: int, world_size: int
    ) -> None:
        self.task = task
        self.share = slice(rank, None, world_size)
        self.inputs = torch.empty(task.samples, 1, task.input_size, device=device, dtype=dtype)
        self.targets = torch.empty(task.samples, 2, device=device, dtype=dtype)
        for index, start in enumerate(range(0, task.samples, BLOCK)):
            inputs, targets = task.block(index)
            part = slice(start, min(start + BLOCK, task.samples))
            self.inputs[part, 0] = inputs[: part.stop - start].to(device, dtype)
            self.targets[part, 0] = targets[: part.stop - start].to(device, dtype)
        weights = sample_weights(task.samples, task.tau)
        self.targets[:, 1] = (task.samples * weights).to(device, dtype)
        self.cumulative = weights.cumsum(0)

    def batch(self, step: int) -> Batch:
        """Return the minibatch of a step, or every sample."""
        task = self.task
        if task.batch_size is None:
            return Batch(self.inputs[self.share], self.targets[self.share], task.samples)
        random = generator(task.seed, CHOICE, step)
        if task.sampling == "uniform":
            chosen = torch.randint(task.samples, (task.batch_size,), generator=random)
        else:
            places = torch.rand(task.batch_size, dtype=torch.float64, generator=random) * self.cumulative[-1]
            chosen = torch.searchsorted(self.cumulative, places, right=True)
        mine = chosen[self.share].to(self.inputs.device)
        targets = self.targets[mine]
        if task.sampling == "weighted":
            targets[:, 1] = 1.0  # their weight is in the probability of being drawn
        return Batch(self.inputs[mine], targets, task.batch_size)

    def evaluation_batches(self, split: Split) -> Iterator[Batch]:
        """Iterate over every sample; all splits are the same."""
        for inputs, targets in zip(
            torch.split(self.inputs[self.share], EVALUATION_BATCH),
            torch.split(self.targets[self.share], EVALUATION_BATCH),
            strict=True,
        ):
            yield Batch(inputs, targets, self.task.samples)
