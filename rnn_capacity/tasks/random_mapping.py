"""Random mapping: how many random labels can a network store? (Collins et al. 2017, sec. 2.1, App. B)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import StoredInformation
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, RecurrentModule, Source, Split, Task, TaskData, at_least, generator

Encoding = Literal["signed", "binary"]
Show = Literal["first", "every"]

INPUTS, LABELS, ORDER = range(3)
"""What `generator(seed, ...)` draws."""

EVALUATION_BATCH = 8192
"""Samples evaluated at once."""


def distinct_bits(samples: int, size: int, random: torch.Generator) -> Tensor:
    """Rows of `size` random bits, no two of them equal.

    Args:
        samples: Rows.
        size: Bits of a row.
        random: Drawn from.

    Returns:
        (samples, size), int64, each 0 or 1.

    Raises:
        ValueError: If there are not as many distinct rows.
    """
    if samples > 2**size:
        raise ValueError(f"samples: {samples} given, {size} input bits have {2**size} distinct patterns")
    if 2 * samples > 2**size:  # a dense draw would collide again and again
        numbers = torch.randperm(2**size, generator=random)[:samples]
        return numbers.unsqueeze(1) >> torch.arange(size) & 1
    rows = torch.randint(2, (samples, size), generator=random)
    while True:
        _, group = torch.unique(rows, dim=0, return_inverse=True)
        first = torch.full((int(group.max()) + 1,), len(rows)).scatter_reduce(
            0, group, torch.arange(len(rows)), reduce="amin"
        )
        rows = rows[first.sort().values]
        if len(rows) == samples:
            return rows
        rows = torch.cat((rows, torch.randint(2, (samples - len(rows), size), generator=random)))


@dataclass(frozen=True)
class RandomMapping(Task):
    """A fixed draw of distinct binary inputs and random labels, to be learnt by heart.

    The draw is the training, the validation and the test set at once: what is measured is what the network stores of
    it, and there is nothing to generalise to.

    Raises:
        ValueError: If a field is out of range.
    """

    name = "random_mapping"
    headline = "bits_per_parameter"
    final_splits = ("test",)

    samples: int
    """Samples b."""

    input_size: int = 24
    """Bits of an input."""

    classes: int = 2
    """Labels V. Two are read from one logit, more from one logit each."""

    steps: int = 5
    """Steps T that the network runs."""

    show: Show = "first"
    """Show the input at the first step only, zeros after it, or at every step."""

    loss_from: int | None = None
    """First step, counted from 1, whose output is scored; None is the last alone. The figures are the last step's."""

    encoding: Encoding = "signed"
    """Bits as -1 and +1, or as 0 and 1."""

    batch_size: int | None = None
    """Samples of an optimizer step, in a new random order for each pass; None is all of them."""

    seed: int = 0
    """Of the draw and of the batches' order."""

    def __post_init__(self) -> None:
        at_least(2, classes=self.classes)
        at_least(1, samples=self.samples, input_size=self.input_size, steps=self.steps, batch_size=self.batch_size)
        at_least(0, seed=self.seed)
        for name, choice, choices in (
            ("show", self.show, get_args(Show)),
            ("encoding", self.encoding, get_args(Encoding)),
        ):
            if choice not in choices:
                raise ValueError(f"{name}: {choice!r} given, {' or '.join(choices)} allowed")
        if self.samples > 2**self.input_size:
            raise ValueError(
                f"samples: {self.samples} given, {self.input_size} input bits (input_size) have "
                f"{2**self.input_size} distinct patterns"
            )
        if self.loss_from is not None and not 1 <= self.loss_from <= self.steps:
            raise ValueError(f"loss_from: {self.loss_from} given, a step from 1 to steps = {self.steps} needed")

    @property
    def output_size(self) -> int:
        """One logit for two classes, else one a class."""
        return 1 if self.classes == 2 else self.classes

    @property
    def constant_loss(self) -> float:
        """Log V nats."""
        return math.log(self.classes)

    def draw(self) -> tuple[Tensor, Tensor]:
        """The data: inputs (samples, input_size), encoded, and labels (samples,), int64."""
        bits = distinct_bits(self.samples, self.input_size, generator(self.seed, INPUTS))
        labels = torch.randint(self.classes, (self.samples,), generator=generator(self.seed, LABELS))
        return (2 * bits - 1 if self.encoding == "signed" else bits).float(), labels

    def source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> Source:
        """The draw on a device."""
        return RandomMappingSource(self, device, dtype, rank, world_size)

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Logits of the scored steps, (batch, steps scored, output_size), and the last state."""
        first = self.steps if self.loss_from is None else self.loss_from
        logits, state = network(
            batch.inputs, state, steps=self.steps, warmup=first - 1, repeat_last=self.show == "every"
        )
        return logits, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats, the mean over the scored steps: (batch,)."""
        targets = batch.targets.unsqueeze(1).expand(predictions.shape[:2])
        if self.classes == 2:
            losses = F.binary_cross_entropy_with_logits(predictions.squeeze(-1), targets, reduction="none")
        else:
            losses = F.cross_entropy(predictions.transpose(1, 2), targets, reduction="none")
        return losses.mean(1)

    def metric(self, network: RecurrentNetwork) -> Metric:
        """Accuracy and bits of the last step."""
        return StoredInformation(network.parameters_total, self.classes)

    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the last step's logits."""
        metric.update(predictions[:, -1], batch.targets.long())

    def worthless(self) -> dict[str, float]:
        """A guess: no bits."""
        bits = ("stored_bits", "bits_per_parameter", "likelihood_bits", "likelihood_bits_per_parameter")
        return {"accuracy": 1 / self.classes, **dict.fromkeys(bits, 0.0)}


class RandomMappingSource(Source):
    """The draw on one device, for one of several processes.

    Args:
        task: The task.
        device: Where the data lies.
        dtype: Of the inputs.
        rank: This process; it has every `world_size`-th sample of a batch.
        world_size: Processes.
    """

    def __init__(
        self, task: RandomMapping, device: torch.device, dtype: torch.dtype, rank: int, world_size: int
    ) -> None:
        inputs, labels = task.draw()
        self.task = task
        self.share = slice(rank, None, world_size)
        self.inputs = inputs.to(device, dtype).unsqueeze(1)
        self.targets = labels.to(device, dtype if task.classes == 2 else torch.int64)
        self.whole = Batch(self.inputs[self.share].contiguous(), self.targets[self.share].contiguous(), task.samples)
        self.order = (-1, torch.empty(0, dtype=torch.int64))  # the pass that it is for, and the samples in its order

    def batch(self, step: int) -> Batch:
        """All samples, or those of minibatch `step`; the last minibatch of a pass may be smaller."""
        size = self.task.batch_size
        if size is None or size >= self.task.samples:
            return self.whole
        batches = math.ceil(self.task.samples / size)
        epoch, index = divmod(step, batches)
        if self.order[0] != epoch:
            random = generator(self.task.seed, ORDER, epoch)
            order = torch.randperm(self.task.samples, generator=random).to(self.targets.device)
            self.order = (epoch, order)
        chosen = self.order[1][index * size : (index + 1) * size]
        mine = chosen[self.share]
        return Batch(self.inputs[mine], self.targets[mine], len(chosen))

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The draw, whatever the split."""
        for inputs, targets in zip(
            torch.split(self.whole.inputs, EVALUATION_BATCH),
            torch.split(self.whole.targets, EVALUATION_BATCH),
            strict=True,
        ):
            yield Batch(inputs, targets, self.task.samples)


class RandomMappingData(TaskData):
    """Distinct random inputs with random labels, to be learnt by heart: train, validation and test are the same draw.

    Args:
        samples: Samples b. Give this or samples_per_parameter.
        samples_per_parameter: Samples as a multiple of the network's parameters (the paper tunes it in [0.1, 10]).
            Give this or samples.
        input_size: Bits of an input; there must be at least as many distinct inputs as samples.
        classes: Labels; two are the paper's.
        steps: Steps that the network runs.
        show: Show the input at the first step only, zeros after it, or at every step.
        loss_from: First step, counted from 1, whose output is scored; null is the last alone, the paper's choice for
            five steps.
        encoding: Bits as -1 and +1 (signed) or as the paper's 0 and 1 (binary): the same information; signed trains
            more easily.
        batch_size: Samples of an optimizer step over all devices; null is all of them.
        seed: Of the draw; the network has its own.

    Raises:
        ValueError: If an argument is out of range, or both or neither of samples and samples_per_parameter are given.
    """

    task_class = RandomMapping
    any_size: RandomMapping

    def __init__(
        self,
        samples: int | None = None,
        samples_per_parameter: float | None = None,
        input_size: int = 24,
        classes: int = 2,
        steps: int = 5,
        show: Show = "first",
        loss_from: int | None = None,
        encoding: Encoding = "signed",
        batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        if (samples is None) == (samples_per_parameter is None):
            raise ValueError(
                f"samples: {samples} given with samples_per_parameter {samples_per_parameter}; "
                "give one and set the other to null"
            )
        if samples_per_parameter is not None and not samples_per_parameter > 0:
            raise ValueError(f"samples_per_parameter: {samples_per_parameter:g} given, a positive number needed")
        self.samples_per_parameter = samples_per_parameter
        self.any_size = RandomMapping(
            1 if samples is None else samples,
            input_size,
            classes,
            steps,
            show,
            loss_from,
            encoding,
            batch_size,
            seed,
        )

    def make_task(self, parameters: int) -> RandomMapping:
        """The mapping for a network of so many parameters."""
        if self.samples_per_parameter is None:
            return self.any_size
        return replace(self.any_size, samples=max(1, round(self.samples_per_parameter * parameters)))


class RandomMappingModule(RecurrentModule):
    """A recurrent network that learns a random mapping by heart; its figure is bits per parameter."""
