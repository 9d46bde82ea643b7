"""Base class of all tasks: input and output sizes, data, loss per sample and metrics, without a training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import Direction
from rnn_capacity.models import RecurrentNetwork

Split = Literal["val", "test"]

Show = Literal["first", "every"]
"""When a network reads a task's input: at the first time step, zeros after it (first), or at every step (every)."""


class Batch(NamedTuple):
    """Samples of one optimizer step or evaluation batch; with several processes, this process's share of them.

    Example:
        >>> import torch
        >>> Batch(inputs=torch.zeros(8, 5, 24), targets=torch.zeros(8), size=8).starts_fresh
        True
    """

    inputs: Tensor
    """Input sequences, (batch, time, input_size), or the indices of k ones of a multi-hot input, (batch, time, k)."""

    targets: Tensor
    """Targets of the samples, (batch, ...), in the task's own format."""

    size: int
    """Number of samples of the optimizer step over all processes, by which the summed loss is divided."""

    starts_fresh: bool = True
    """Whether the sequences start from the learned initial state rather than from the last state of the previous
    batch."""

    weights: Tensor | None = None
    """Weight of each sample in the mean loss, (batch,), whose mean over all samples is 1; None is 1 for each."""

    loss_exponent: Tensor | float = 0.0
    """Exponent q of the generalized cross-entropy, a number or one per sample, (batch,); 0 is the cross-entropy."""

    def apply_weights(self, losses: Tensor) -> Tensor:
        """Multiply the loss of each sample, (batch,), by the sample's weight."""
        return losses if self.weights is None else losses * self.weights


class BatchSource(ABC):
    """Provides a task's training and evaluation batches on one device, for one of several processes.

    Example:
        >>> import torch
        >>> from rnn_capacity.tasks import Memory
        >>> source: BatchSource = Memory(input_size=3).batch_source(torch.device("cpu"), torch.float32)
        >>> source.batch(0).inputs.shape
        torch.Size([128, 1, 3])
    """

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """Return the training batch of an optimizer step, a pure function of the task's seed and the step.

        Args:
            step: Optimizer step, from 0.
        """

    @abstractmethod
    def evaluation_batches(self, split: Split) -> Iterator[Batch]:
        """Iterate over the batches of a split; all processes together read every sample once.

        Args:
            split: The split.
        """


@dataclass(frozen=True)
class Task(ABC):
    """A task that a network is trained on; its fields are the options of `--data` on the command line.

    `fit` and the population use the same task. Subclasses are frozen dataclasses with a docstring for each field.

    Example:
        >>> from rnn_capacity.tasks import RandomMapping
        >>> task: Task = RandomMapping(samples_per_parameter=4.0).for_network(parameters=700)
        >>> task.samples, task.primary_metric, task.direction("bits_per_parameter")
        (2800, 'bits_per_parameter', 'max')
    """

    name: ClassVar[str]
    """Name of the task in summary.json and in the run directory."""

    primary_metric: ClassVar[str]
    """Name of the task's main metric, a key of the dictionary that its torchmetric computes."""

    metric_directions: ClassVar[dict[str, Direction]]
    """Direction of each metric, by name: "min" if smaller values are better, "max" if larger ones are."""

    final_splits: ClassVar[tuple[Split, ...]] = ("val", "test")
    """Splits that are evaluated at the end of a run, the last of which gives the final metrics."""

    if TYPE_CHECKING:  # a field in one task, derived in another

        @property
        def input_size(self) -> int:
            """Number of input features m of the network."""

        @property
        def output_size(self) -> int:
            """Number of outputs o of the network."""

        @property
        def samples(self) -> int | None:
            """Number of samples in the training set; None if new samples are drawn at every step."""

        @property
        def steps(self) -> int:
            """Number T of time steps that the network runs."""

        @property
        def show(self) -> Show:
            """Input at time steps after the given inputs, zeros for "first" and the last given input for "every"."""

        @property
        def seed(self) -> int:
            """Seed of the data; the network's weights have another seed."""

    else:
        show = "first"

    @property
    def scored_from(self) -> int:
        """Index, from 0, of the first time step whose output counts in the loss."""
        return self.steps - 1

    def direction(self, metric: str) -> Direction | None:
        """Return "min" if smaller values of a metric are better, "max" if larger ones are, None if neither.

        Args:
            metric: Name of the metric; a prefix "val_" does not matter.
        """
        return {"loss": "min", **self.metric_directions}.get(metric.removeprefix("val_"))

    def for_network(self, parameters: int) -> Task:
        """Return the task with its data sized for a network of some number of parameters; by default the same task.

        Args:
            parameters: Trainable parameters of the network.

        Raises:
            ValueError: If the options do not fit together.
        """
        return self

    def prepare_data(self) -> None:  # noqa: B027 (most tasks have nothing to prepare)
        """Download the task's data; called once per machine, before the processes read the data."""

    @property
    def alphabet(self) -> str | None:
        """Symbols of input and output, a symbol's position being its index; None for a task without symbols."""
        return None

    @property
    def carries_state(self) -> bool:
        """Whether training carries the recurrent state from batch to batch, to continue sequences."""
        return False

    @property
    @abstractmethod
    def baseline_loss(self) -> float:
        """Mean loss per sample of the best predictor that ignores its input."""

    @abstractmethod
    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of the best predictor that ignores its input, which a diverged run also gets."""

    @abstractmethod
    def batch_source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> BatchSource:
        """Return the `BatchSource` that provides the task's batches on a device.

        Args:
            device: The device.
            dtype: Floating type of inputs and targets.
            rank: Index of this process.
            world_size: Number of processes.
        """

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Run the network on a batch and return the outputs of the scored time steps and the final state.

        Args:
            network: The network.
            batch: The samples.
            state: State of each layer before the first step; None is the learned initial state.

        Returns:
            The scored outputs, (batch, scored steps, output_size), and each layer's state after the last step.
        """
        outputs, state = network(
            batch.inputs, state, steps=self.steps, warmup=self.scored_from, repeat_last=self.show == "every"
        )
        return outputs, state

    @abstractmethod
    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute the loss of each sample, (batch,), a cross-entropy in nats or a squared error.

        Args:
            predictions: Scored outputs, (batch, scored steps, output_size).
            batch: The samples.
        """

    @abstractmethod
    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the torchmetric whose `compute` returns the task's metrics by their names in summary.json.

        Args:
            network: The network, whose size the metrics may need.
        """

    @abstractmethod
    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add a batch to the torchmetric of `make_metric`.

        Args:
            metric: The torchmetric.
            predictions: Scored outputs, (batch, scored steps, output_size).
            batch: The samples.
        """

    @property
    def training_loss(self) -> str:
        """Name of the training loss in summary.json, such as "cross-entropy"."""
        return "cross-entropy"

    def loss_exponents(self, total_steps: int) -> Tensor | None:
        """Return the generalized cross-entropy's exponent q at each step, (total_steps,), float64, or None without it.

        Args:
            total_steps: Optimizer steps of the run.
        """
        return None

    def check_generation(self) -> None:
        """Check that the task can generate text with its options.

        Raises:
            ValueError: If the task generates nothing, or its options do not allow it.
        """
        raise ValueError(f"data must be a task that generates text (Language), got {type(self).__name__}")

    def generate(self, network: RecurrentNetwork) -> str:
        """Generate text with a trained network; raises ValueError unless the task is a language.

        Args:
            network: The network, in evaluation mode.

        Raises:
            ValueError: If the task generates nothing.
        """
        raise ValueError(f"data must be a task that generates text (Language), got {type(self).__name__}")
