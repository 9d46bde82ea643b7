"""Memory: how many real numbers can a unit hold? (Collins et al. 2017, sec. 2.2, App. B)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import Reconstruction
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FreshTask, RecurrentModule, TaskData, at_least

Show = Literal["first", "every"]


@dataclass(frozen=True)
class Memory(FreshTask):
    """Uniform values of variance 1, to be read back after some steps; the loss is the squared error.

    Every optimizer step draws its samples afresh, so that what is measured is what the state carries.

    Raises:
        ValueError: If a field is out of range.
    """

    name = "memory"
    headline = "reals_per_unit"
    evaluation_batch = 8192

    input_size: int = 64
    """Values n_in of a sample, each from U(-sqrt 3, sqrt 3)."""

    steps: int = 12
    """Steps T that the network runs; the values are read after the last."""

    show: Show = "first"
    """Show the input at the first step only, zeros after it, or at every step."""

    batch_size: int = 128
    """Samples of an optimizer step, over all processes."""

    evaluation_samples: int = 4096
    """Samples of the validation set, and of the test set."""

    seed: int = 0
    """Of the samples."""

    def __post_init__(self) -> None:
        at_least(
            1,
            input_size=self.input_size,
            steps=self.steps,
            batch_size=self.batch_size,
            evaluation_samples=self.evaluation_samples,
        )
        at_least(0, seed=self.seed)

    @property
    def output_size(self) -> int:
        """As many as values."""
        return self.input_size

    @property
    def constant_loss(self) -> float:
        """The values' variance, 1: the best constant is zero."""
        return 1.0

    def draw(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Values: inputs of one step, (samples, 1, input_size), and targets, (samples, input_size)."""
        values = (2 * torch.rand(samples, self.input_size, generator=random, dtype=torch.float32) - 1) * math.sqrt(3)
        return values.unsqueeze(1), values

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """The values as read after the last step, (batch, 1, input_size), and the last state."""
        values, state = network(
            batch.inputs, state, steps=self.steps, warmup=self.steps - 1, repeat_last=self.show == "every"
        )
        return values, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Squared error, the mean over the dimensions: (batch,)."""
        return (predictions[:, -1] - batch.targets).square().mean(1)

    def metric(self, network: RecurrentNetwork) -> Metric:
        """Squared error and reals held, over the units of a layer and over the reals of all states."""
        state_reals = sum(state.numel() for state in network.stack.initial_states)
        return Reconstruction(self.input_size, network.stack.hidden_size, state_reals)

    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the values read."""
        metric.update(predictions[:, -1], batch.targets)

    def worthless(self) -> dict[str, float]:
        """Zero for every value: no reals."""
        return {"mse": 1.0, **dict.fromkeys(("dimensions_recovered", "reals_per_unit", "reals_per_state_real"), 0.0)}


class MemoryData(TaskData):
    """Uniform values to be read back after some steps, drawn afresh at every optimizer step.

    Args:
        input_size: Values of a sample, each from U(-sqrt 3, sqrt 3), whose variance is 1.
        steps: Steps that the network runs; the values are read after the last.
        show: Show the input at the first step only, zeros after it, or at every step.
        batch_size: Samples of an optimizer step over all devices.
        evaluation_samples: Samples of the validation set, and of the test set.
        seed: Of the samples; the network has its own.

    Raises:
        ValueError: If an argument is out of range.
    """

    task_class = Memory

    def __init__(
        self,
        input_size: int = 64,
        steps: int = 12,
        show: Show = "first",
        batch_size: int = 128,
        evaluation_samples: int = 4096,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.any_size = Memory(input_size, steps, show, batch_size, evaluation_samples, seed)


class MemoryModule(RecurrentModule):
    """A recurrent network that reads values back; its figure is reals per unit."""
