"""One member of a population: a network with its own hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rnn_capacity.checks import check_minimum
from rnn_capacity.training import RecurrentModule, Task


@dataclass(eq=False)
class Member:
    """One network of a population with its hyperparameters, its task and its number of steps.

    Args:
        module: The network and how it is trained, as for `fit`.
        task: The task; becomes the task for the module's network. Members that share one object share its data.
        max_steps: Optimizer steps.

    Raises:
        ValueError: If `max_steps` is below 1, the network's sizes are not the task's, or the optimizer, the schedule or
            the checkpoint to start from does not fit.

    Example:
        >>> from rnn_capacity.tasks import RandomMapping
        >>> from rnn_capacity.training import RecurrentModule
        >>> task = RandomMapping(samples_per_parameter=4.0, input_size=12)
        >>> member = Member(RecurrentModule("rnn", hidden_size=5, input_size=12), task, max_steps=100)
        >>> member.task.samples == 4 * member.module.parameters_total
        True
    """

    module: RecurrentModule
    task: Task
    max_steps: int

    optimizer: Optimizer = field(init=False, repr=False)
    """The torch optimizer of the network's parameters, built from the module's options."""

    schedule: LRScheduler | None = field(init=False, repr=False)
    """The learning-rate schedule of the optimizer; None for a constant rate."""

    def __post_init__(self) -> None:
        check_minimum(1, max_steps=self.max_steps)
        self.task.prepare_data()
        self.module.check_sizes(self.task)
        self.task = self.task.for_network(self.module.parameters_total)
        self.module.load_initial_weights(self.task)
        self.optimizer, self.schedule = self.module.build_optimizer(self.max_steps)
