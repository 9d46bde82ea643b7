"""The one LightningDataModule, which serves every task."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from pytorch_lightning import LightningDataModule

from rnn_capacity.training.module import RecurrentModule
from rnn_capacity.training.task import Task


class CallLoader:
    """Replaces a DataLoader and yields the index of each `training_step` call instead of data; can be resumed.

    The samples are on the device, or are generated there, and the module asks its task for them by step. Workers,
    collation and copies would take longer than the step of a small network.

    Args:
        calls: Calls of `training_step` in the run.

    Example:
        >>> list(CallLoader(calls=3))
        [0, 1, 2]
    """

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.first = 0
        self.done = 0

    def __len__(self) -> int:
        """Return the number of `training_step` calls in the run."""
        return self.calls

    def __iter__(self) -> Iterator[int]:
        """Iterate over the indices of the remaining `training_step` calls."""
        first, self.first = self.first, 0
        for call in range(first, self.calls):
            self.done = call + 1
            yield call

    def state_dict(self) -> dict[str, int]:
        """Return the number of `training_step` calls made so far, for a checkpoint."""
        return {"done": self.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restore the number of calls made from a checkpoint; the next iteration yields only the remaining ones."""
        self.first = state["done"]


class TaskDataModule(LightningDataModule):
    """LightningDataModule that gives a RecurrentModule its task, and loaders that yield call indices instead of data.

    Args:
        options: The task as configured; the task for the network's size is made at setup.

    Example:
        >>> from rnn_capacity.tasks import Memory
        >>> data = TaskDataModule(Memory(input_size=3))
        >>> data.options.input_size, data.hparams["steps"]
        (3, 12)
    """

    task: Task
    """The task with its data sized for the network of the trainer; set by `setup`."""

    def __init__(self, options: Task) -> None:
        super().__init__()
        self.options = options
        self.save_hyperparameters({"task": options.name, **asdict(options)}, logger=False)

    def prepare_data(self) -> None:
        """Download the task's data, once per machine."""
        self.options.prepare_data()

    def setup(self, stage: str) -> None:
        """Create the task for the size of the trainer's network (`Task.for_network`)."""
        self.task = self.options.for_network(self._module.parameters_total)

    @property
    def _module(self) -> RecurrentModule:
        if self.trainer is None or not isinstance(self.trainer.lightning_module, RecurrentModule):
            raise RuntimeError("TaskDataModule must be used with a trainer that runs a RecurrentModule")
        return self.trainer.lightning_module

    def train_dataloader(self) -> CallLoader:
        """Return a loader of as many `training_step` calls as `trainer.max_steps` needs; one epoch is the whole run."""
        trainer = self._module.trainer
        made = trainer.fit_loop.epoch_loop.batch_progress.current.ready  # a resumed run's
        return CallLoader(made + math.ceil((trainer.max_steps - trainer.global_step) / self._module.steps_per_call))

    def val_dataloader(self) -> CallLoader:
        """Return a loader of a single call, in which the module evaluates the whole split, or generates text."""
        return CallLoader(1)

    test_dataloader = predict_dataloader = val_dataloader
