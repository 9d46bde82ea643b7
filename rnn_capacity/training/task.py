"""What a task is, apart from any training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.models import RecurrentNetwork

Split = Literal["val", "test"]


class Batch(NamedTuple):
    """Samples of one optimizer step, this process's share."""

    inputs: Tensor
    """(batch, time, input_size)."""

    targets: Tensor
    """(batch, ...)."""

    size: int
    """Samples in the whole step, over all processes: the loss is the mean over these."""

    fresh: bool = True
    """Whether the samples start from the learned initial state; else they go on from the batch before."""


class Source(ABC):
    """A task's data on one device, for one of several processes. What is drawn once is moved there once."""

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """The samples of optimizer step `step`, from 0; a pure function of the task's seed and `step`."""

    @abstractmethod
    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The samples of a split, each once over all processes."""


class Task(ABC):
    """Sizes, data, loss per sample and metrics. `fit` and every other way to train use the same."""

    name: ClassVar[str]
    """The task's name in summary.json and in the run directory."""

    headline: ClassVar[str]
    """The figure that a run is about, a key of what the metric computes."""

    final_splits: ClassVar[tuple[Split, ...]] = ("val", "test")
    """The splits that are measured at the end, the one that the figures are of last."""

    if TYPE_CHECKING:  # a field in one task, derived in another

        @property
        def input_size(self) -> int:
            """Features of the input."""

        @property
        def output_size(self) -> int:
            """Outputs of the network."""

        @property
        def samples(self) -> int | None:
            """Samples of the training set; None where they are drawn afresh at every step."""

        @property
        def seed(self) -> int:
            """Of the data; the network's is its own."""

    @property
    def alphabet(self) -> str | None:
        """The symbols of input and output in their order, where the task has any: weights carry over by them."""
        return None

    @property
    def carries_state(self) -> bool:
        """Whether training has batches that are not fresh."""
        return False

    @property
    @abstractmethod
    def constant_loss(self) -> float:
        """Mean loss per sample of the best predictor that ignores its input, in the loss's unit."""

    @abstractmethod
    def source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> Source:
        """The data on a device, for process `rank` of `world_size`."""

    @abstractmethod
    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Run the network.

        Args:
            network: The network.
            batch: The samples.
            state: Where to start; None is the learned initial state.

        Returns:
            The outputs that are scored, (batch, steps scored, output_size), and the state after the last step.
        """

    @abstractmethod
    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The loss of each sample, (batch,), in nats where it is a cross-entropy."""

    @abstractmethod
    def metric(self, network: RecurrentNetwork) -> Metric:
        """The metric of the final figures for a network of this size; computes a dict of summary keys."""

    @abstractmethod
    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add a batch to the metric."""

    @abstractmethod
    def worthless(self) -> dict[str, float]:
        """The figures of the constant predictor, which learnt nothing: what a diverged run is given."""


def at_least(least: int, **given: float | None) -> None:
    """Refuse arguments below the least value allowed; None stands for an argument that is not given.

    Raises:
        ValueError: If one is below.
    """
    for name, value in given.items():
        if value is not None and value < least:
            raise ValueError(f"{name}: {value} given, at least {least} needed")
