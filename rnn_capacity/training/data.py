"""The base of every task's LightningDataModule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from pytorch_lightning import LightningDataModule

from rnn_capacity.training.module import RecurrentModule
from rnn_capacity.training.task import Task


class Calls:
    """What Lightning iterates over in place of a DataLoader: one number per `training_step`.

    The samples live on the device, or are generated there, and the module asks its task for them by step. Workers,
    collation and copies would cost more than the step of a small network. A checkpoint keeps its place.

    Args:
        count: Calls of `training_step` in the run.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.start = 0
        self.done = 0

    def __len__(self) -> int:
        """Calls in the run."""
        return self.count

    def __iter__(self) -> Iterator[int]:
        """The numbers of the calls that are left."""
        start, self.start = self.start, 0
        for call in range(start, self.count):
            self.done = call + 1
            yield call

    def state_dict(self) -> dict[str, int]:
        """The calls made."""
        return {"done": self.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the calls made."""
        self.start = state["done"]


class TaskData(LightningDataModule):
    """Makes a task once the size of the network is known, and counts the run's calls for Lightning."""

    task_class: ClassVar[type[Task]]
    """What `make_task` makes."""

    any_size: Task
    """The task as the arguments have it; what depends on the network's size is not settled yet."""

    task: Task
    """The task of the trainer's network."""

    @property
    def input_size(self) -> int:
        """Features of the input; the model is linked to it."""
        return self.any_size.input_size

    @property
    def output_size(self) -> int:
        """Outputs of the network; the model is linked to it."""
        return self.any_size.output_size

    def make_task(self, parameters: int) -> Task:
        """The task for a network of so many parameters; the same for every size unless a task says otherwise.

        Raises:
            ValueError: If the arguments do not fit together.
        """
        return self.any_size

    def setup(self, stage: str) -> None:
        """Make the task for the trainer's network."""
        self.task = self.make_task(self._module.parameters_total)

    @property
    def _module(self) -> RecurrentModule:
        if self.trainer is None or not isinstance(self.trainer.lightning_module, RecurrentModule):
            raise RuntimeError(f"{type(self).__name__} belongs to a trainer that runs a RecurrentModule")
        return self.trainer.lightning_module

    def train_dataloader(self) -> Calls:
        """One epoch is the whole run: as many calls as it takes to make `trainer.max_steps` optimizer steps."""
        trainer = self._module.trainer
        made = trainer.fit_loop.epoch_loop.batch_progress.current.ready  # a resumed run's
        return Calls(made + math.ceil((trainer.max_steps - trainer.global_step) / self._module.steps_per_call))

    def val_dataloader(self) -> Calls:
        """The module goes through the split by itself, in one call."""
        return Calls(1)

    test_dataloader = val_dataloader

    def predict_dataloader(self) -> Calls:
        """What the network goes on from, where a task has it.

        Raises:
            ValueError: If there is no such thing in this task, or it does not fit.
        """
        raise ValueError(f"data: {type(self).__name__} given, of which nothing can be predicted; language has it")
