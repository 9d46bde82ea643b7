"""One trial of a population: what `fit` would train alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from rnn_capacity.training import RecurrentModule, Task, TaskData


@dataclass(frozen=True)
class Member:
    """A network with its hyperparameters, its task, and how long it trains.

    Args:
        module: The network and how it is trained, as for `fit`.
        data: The data; makes the task for the module's network.
        max_steps: Optimizer steps.

    Raises:
        ValueError: If `max_steps` is below 1, or the data's sizes are not the network's.
    """

    module: RecurrentModule
    data: TaskData
    max_steps: int

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps: {self.max_steps} given, the number of optimizer steps needed")
        sizes = (self.module.network.stack.input_size, self.module.network.readout.out_features)
        if sizes != (self.data.input_size, self.data.output_size):
            raise ValueError(
                f"input_size, output_size: {sizes} given, the data has {(self.data.input_size, self.data.output_size)}"
            )

    @cached_property
    def task(self) -> Task:
        """The task for this network's size."""
        return self.data.make_task(self.module.parameters_total)
