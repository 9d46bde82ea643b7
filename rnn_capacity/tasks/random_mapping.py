"""Random mapping: memorise random labels of random binary inputs (Collins et al. 2017, sec. 2.1, App. B)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.checks import check_choice, check_finite, check_fraction, check_memory, check_minimum, check_positive
from rnn_capacity.metrics import StoredInformation
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FixedTask, LossKind, Show, generator
from rnn_capacity.training.losses import generalized_cross_entropy, rising_exponents

Encoding = Literal["signed", "binary"]

INPUTS, LABELS, ORDER = range(3)
"""Numbers that, with the task's seed, seed the random generators of inputs, labels and minibatch orders."""


def distinct_bits(samples: int, size: int, random: torch.Generator) -> Tensor:
    """Draw distinct rows of random bits.

    Args:
        samples: Number of rows.
        size: Bits of a row.
        random: Generator to draw from.

    Returns:
        (samples, size), int64, each 0 or 1.

    Raises:
        ValueError: If there are fewer distinct rows than samples.
    """
    check_distinct(samples, size)
    if (2 * samples - 1).bit_length() > size:  # 2 * samples > 2**size: draws would collide again and again
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


def check_distinct(samples: int, size: int) -> None:
    """Check that there are at least `samples` distinct binary inputs of `size` bits.

    Raises:
        ValueError: If there are fewer.
    """
    if (samples - 1).bit_length() > size:  # 2**size may be too large to compute
        raise ValueError(f"samples must be at most 2**input_size = {2**size} distinct patterns, got {samples}")


@dataclass(frozen=True)
class RandomMapping(FixedTask):
    """Memorise random labels of fixed, distinct, random binary inputs.

    Training, validation and test set are the same: the result is the information that the network stores about the
    labels, and there is nothing to generalise to.

    Raises:
        ValueError: If a field is out of range, or both or neither of samples and samples_per_parameter are given.

    Example:
        >>> task = RandomMapping(samples=8, input_size=4)
        >>> inputs, labels = task.draw_samples()
        >>> inputs.shape, labels.shape, round(task.baseline_loss, 3)
        (torch.Size([8, 4]), torch.Size([8]), 0.693)
    """

    name = "random_mapping"
    primary_metric = "bits_per_parameter"
    metric_directions = StoredInformation.directions

    samples: int | None = None
    """Number b of input-label pairs to memorise. Give this or samples_per_parameter."""

    samples_per_parameter: float | None = None
    """Number of samples as a multiple of the network's parameter count (the paper tunes it in [0.1, 10]). Give this or
    samples."""

    input_size: int = 24
    """Number of bits of an input; must allow as many distinct inputs as there are samples."""

    classes: int = 2
    """Number V of classes; the paper has two. Two have one logit, more have one logit each."""

    steps: int = 5
    """Number T of time steps that the network runs."""

    show: Show = "first"
    """When the network reads the input: at the first time step, zeros after it (first), or at every time step
    (every)."""

    loss_from: int | None = None
    """First time step, counted from 1, whose output counts in the loss; null is the last step, the paper's choice for
    five steps. The metrics are those of the last step."""

    encoding: Encoding = "signed"
    """Values of the input bits: -1 and +1 (signed), which train more easily, or the paper's 0 and 1 (binary)."""

    batch_size: int | None = None
    """Number of samples per optimizer step over all devices, in a new random order for each epoch; null is all
    samples."""

    loss_exponent: float = 0.0
    """Exponent q of the training loss (1 - p^q)/q, the generalized cross-entropy, at the end of the run, in [0, 1]; 0
    is the cross-entropy, the paper's loss. The generalized one stores more, since it gives up samples that cannot be
    fitted."""

    loss_exponent_from: float = 0.2
    """Fraction of the run after which the exponent q of the loss rises linearly from 0 to loss_exponent."""

    seed: int = 0
    """Seed of the inputs, the labels and the order of the minibatches; the network's weights have another seed."""

    def __post_init__(self) -> None:
        check_finite(**vars(self))
        if (self.samples is None) == (self.samples_per_parameter is None):
            raise ValueError(
                "samples or samples_per_parameter must be given and the other be null, "
                f"got samples {self.samples} and samples_per_parameter {self.samples_per_parameter}"
            )
        check_positive(samples_per_parameter=self.samples_per_parameter)
        check_minimum(2, classes=self.classes)
        check_minimum(1, samples=self.samples, input_size=self.input_size, steps=self.steps, batch_size=self.batch_size)
        check_minimum(0, seed=self.seed)
        check_memory(steps=self.steps)
        check_choice(get_args(Show), show=self.show)
        check_choice(get_args(Encoding), encoding=self.encoding)
        check_fraction(loss_exponent_from=self.loss_exponent_from)
        if not 0 <= self.loss_exponent <= 1:
            raise ValueError(f"loss_exponent must be in [0, 1], got {self.loss_exponent:g}")
        if self.samples is not None:
            check_distinct(self.samples, self.input_size)
            check_memory(samples=self.samples * self.input_size)
        if self.loss_from is not None and not 1 <= self.loss_from <= self.steps:
            raise ValueError(f"loss_from must be in [1, steps = {self.steps}], got {self.loss_from}")

    def for_network(self, parameters: int) -> RandomMapping:
        """Return the task with its number of samples computed from the parameter count of the network."""
        if self.samples_per_parameter is None:
            return self
        samples = max(1, round(self.samples_per_parameter * parameters))
        return replace(self, samples=samples, samples_per_parameter=None)

    @property
    def output_size(self) -> int:
        """Number of network outputs: one logit for two classes, otherwise one per class."""
        return 1 if self.classes == 2 else self.classes

    @property
    def baseline_loss(self) -> float:
        """Cross-entropy of a uniform guess, log V nats."""
        return math.log(self.classes)

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of a uniform guess, which stores 0 bits."""
        bits = ("stored_bits", "bits_per_parameter", "likelihood_bits", "likelihood_bits_per_parameter")
        return {"accuracy": 1 / self.classes, **dict.fromkeys(bits, 0.0)}

    def draw_samples(self) -> tuple[Tensor, Tensor]:
        """Draw encoded inputs, (samples, input_size), float32, and labels, (samples,), int64.

        Raises:
            ValueError: If the number of samples depends on the network; `for_network` settles it.
        """
        if self.samples is None:
            raise ValueError("samples must be given to draw samples, got None")
        bits = distinct_bits(self.samples, self.input_size, generator(self.seed, INPUTS))
        labels = torch.randint(self.classes, (self.samples,), generator=generator(self.seed, LABELS))
        return (2 * bits - 1 if self.encoding == "signed" else bits).float(), labels

    @property
    def loss_kind(self) -> LossKind:
        """Type of the loss, "binary" (one logit) for two classes and "classes" (one logit per class) for more."""
        return "binary" if self.classes == 2 else "classes"

    @property
    def training_loss(self) -> str:
        """Name of the training loss in summary.json: cross-entropy, or generalized cross-entropy with its exponent."""
        if not self.loss_exponent:
            return "cross-entropy"
        return f"generalized cross-entropy, exponent {self.loss_exponent:g} from {self.loss_exponent_from:g}"

    def loss_exponents(self, total_steps: int) -> Tensor | None:
        """Return the generalized cross-entropy's exponent q at each step, (total_steps,), or None for cross-entropy."""
        if not self.loss_exponent:
            return None
        return rising_exponents(self.loss_exponent, self.loss_exponent_from, total_steps)

    @property
    def scored_from(self) -> int:
        """Index, from 0, of the first time step whose output counts in the loss."""
        return (self.steps if self.loss_from is None else self.loss_from) - 1

    def sample_blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the encoded inputs and the labels of all samples as one block."""
        yield self.draw_samples()

    def minibatch(self, step: int) -> Tensor | None:
        """Return the sample indices of an optimizer step, reshuffled each epoch; the last batch may be smaller."""
        if self.samples is None or self.batch_size is None or self.batch_size >= self.samples:
            return None
        epoch, index = divmod(step, math.ceil(self.samples / self.batch_size))
        order = epoch_order(self.samples, self.seed, epoch)
        return order[index * self.batch_size : (index + 1) * self.batch_size]

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute each sample's (generalized) cross-entropy in nats, averaged over the scored time steps, (batch,)."""
        targets = batch.targets.unsqueeze(1).expand(predictions.shape[:2])
        if self.classes == 2:
            nats = F.binary_cross_entropy_with_logits(predictions.squeeze(-1), targets, reduction="none")
        else:
            nats = F.cross_entropy(predictions.transpose(1, 2), targets, reduction="none")
        exponent = batch.loss_exponent
        exponent = exponent.unsqueeze(1) if isinstance(exponent, Tensor) and exponent.dim() else exponent
        return generalized_cross_entropy(nats, exponent).mean(1)

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the `StoredInformation` metric: accuracy and stored bits."""
        return StoredInformation(network.parameters_total, self.classes)

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the logits of the last time step and the labels of a batch to the metric."""
        metric.update(predictions[:, -1], batch.targets.long())


@lru_cache(maxsize=4)
def epoch_order(samples: int, seed: int, epoch: int) -> Tensor:
    """Draw the random order of the samples in an epoch as indices, (samples,), int64."""
    return torch.randperm(samples, generator=generator(seed, ORDER, epoch))
