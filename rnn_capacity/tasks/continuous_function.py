"""Random continuous function: real numbers at random points, to be learnt by heart (Collins et al. 2017, App. B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import ImpliedBits, sample_weights
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, RecurrentModule, Source, Split, Task, TaskData, generator

Show = Literal["first", "every"]
Sampling = Literal["weighted", "uniform"]

DRAW, CHOICE = range(2)
"""What `generator(seed, ...)` draws."""

BLOCK = 16384
"""Samples drawn at once."""

EVALUATION_BATCH = 8192
"""Samples evaluated at once."""


@dataclass(frozen=True)
class ContinuousFunction(Task):
    """A fixed draw of inputs on the unit sphere and N(0, 1) targets, to be learnt by heart.

    The loss is Σ β_i (y_i - ŷ_i)² with β_i ∝ 1/(i + τ), Σβ = 1: the first samples are the most worth learning, so that
    networks of any size fill up with the same data. Predicting zero costs 1 (in expectation over the draw). The draw
    is the training, the validation and the test set at once.

    Raises:
        ValueError: If a field is out of range.
    """

    name = "continuous_function"
    headline = "implied_bits_per_parameter"
    output_size = 1
    final_splits = ("test",)

    samples: int = 1_000_000
    """Samples N. Fewer are the first of more."""

    input_size: int = 50
    """Dimension d of an input."""

    tau: float = 5000.0
    """τ of the weights."""

    steps: int = 50
    """Steps T that the network runs; the last output is scored."""

    show: Show = "first"
    """Show the input at the first step only, zeros after it, or at every step."""

    batch_size: int | None = 512
    """Samples of an optimizer step, drawn with replacement; None is each sample once, with its own weight."""

    sampling: Sampling = "weighted"
    """How a minibatch estimates the loss without bias. "weighted" draws sample i with probability β_i and takes the
    plain mean; "uniform" draws all alike and multiplies by N β_i. The paper does not say. At the start, with equal
    errors, the square of an estimate's term averages N Σβ² times as much when drawn uniformly: 7 times for N = 1e6; it
    never averages less as long as the errors fall with the weight as in reverse water-filling."""

    seed: int = 0
    """Of the draw and of the minibatches."""

    def __post_init__(self) -> None:
        for name, value in (
            ("samples", self.samples),
            ("input_size", self.input_size),
            ("steps", self.steps),
            ("batch_size", self.batch_size),
        ):
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value} given, at least 1 needed")
        if self.seed < 0:
            raise ValueError(f"seed: {self.seed} given, at least 0 needed")
        for argument, choice, known in (
            ("show", self.show, ("first", "every")),
            ("sampling", self.sampling, ("weighted", "uniform")),
        ):
            if choice not in known:
                raise ValueError(f"{argument}: {choice!r} given, {' or '.join(known)} allowed")
        sample_weights(1, self.tau)  # refuses a tau out of range

    @property
    def constant_loss(self) -> float:
        """1, the variance of the targets."""
        return 1.0

    def block(self, index: int) -> tuple[Tensor, Tensor]:
        """Samples BLOCK · index and on, a pure function of the seed and the index.

        Returns:
            Inputs, (BLOCK, input_size), of norm 1, and targets, (BLOCK,); float32.
        """
        random = generator(self.seed, DRAW, index)
        inputs = F.normalize(torch.randn(BLOCK, self.input_size, generator=random, dtype=torch.float32))
        return inputs, torch.randn(BLOCK, generator=random, dtype=torch.float32)

    def source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> Source:
        """The draw on a device."""
        return ContinuousFunctionSource(self, device, dtype, rank, world_size)

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """The output of the last step, (batch, 1, 1), and the last state."""
        outputs, state = network(
            batch.inputs, state, steps=self.steps, warmup=self.steps - 1, repeat_last=self.show == "every"
        )
        return outputs, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Squared error times the sample's weight in the mean, (batch,)."""
        targets, weights = batch.targets.unbind(1)
        return weights * (targets - predictions[:, -1, 0]).square()

    def metric(self, network: RecurrentNetwork) -> Metric:
        """Weighted squared error and the bits that it implies."""
        return ImpliedBits(network.parameters_total, self.samples, self.tau)

    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the last step's outputs."""
        metric.update(predictions[:, -1, 0], *batch.targets.unbind(1))

    def worthless(self) -> dict[str, float]:
        """Zero, whatever the input: no bits."""
        return {"weighted_mse": 1.0, "implied_bits": 0.0, "implied_bits_per_parameter": 0.0}


class ContinuousFunctionSource(Source):
    """The draw on one device, for one of several processes; a batch's targets are (y, weight in the mean).

    The draw is kept whole, since a minibatch may need any of it: 208 MB for N = 1e6 of d = 50 in float32. It is filled
    block by block, and the process's memory peaks 235 MiB above what it was (`tools/bench_generation.py` measures it).

    Args:
        task: The task.
        device: Where the data lies.
        dtype: Of inputs, targets and weights.
        rank: This process; it has every `world_size`-th sample of a batch.
        world_size: Processes.
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
        """Minibatch `step`, or every sample."""
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
            targets[:, 1] = 1.0  # the draw has weighted them
        return Batch(self.inputs[mine], targets, task.batch_size)

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """Every sample, whatever the split."""
        for inputs, targets in zip(
            torch.split(self.inputs[self.share], EVALUATION_BATCH),
            torch.split(self.targets[self.share], EVALUATION_BATCH),
            strict=True,
        ):
            yield Batch(inputs, targets, self.task.samples)


class ContinuousFunctionData(TaskData):
    """Random points on a sphere with random real targets, to be learnt by heart: every split is the same draw.

    Args:
        samples: Samples N.
        input_size: Dimension d of an input.
        tau: Sample i weighs 1/(i + tau) in the loss; the weights sum to 1.
        steps: Steps that the network runs; the last output is scored.
        show: Show the input at the first step only, zeros after it, or at every step.
        batch_size: Samples of an optimizer step over all devices, drawn with replacement; null is all of them.
        sampling: Draw the samples of a minibatch by their weight (weighted), or all alike with the weight in the loss
            (uniform): the same mean, the first with less noise.
        seed: Of the draw and of the minibatches; the network has its own.

    Raises:
        ValueError: If an argument is out of range.
    """

    task_class = ContinuousFunction

    def __init__(
        self,
        samples: int = 1_000_000,
        input_size: int = 50,
        tau: float = 5000.0,
        steps: int = 50,
        show: Show = "first",
        batch_size: int | None = 512,
        sampling: Sampling = "weighted",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.any_size = ContinuousFunction(samples, input_size, tau, steps, show, batch_size, sampling, seed)


class ContinuousFunctionModule(RecurrentModule):
    """A recurrent network that learns random numbers at random points; its figure is implied bits per parameter."""
