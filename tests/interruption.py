"""Callbacks that interrupt a run early, like a machine failure."""

from __future__ import annotations

import resource
from typing import Any

from pytorch_lightning import Callback, Trainer


class StopAfter(Callback):
    """Stops a run after a number of optimizer steps.

    Args:
        step: Optimizer steps.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step >= self.step:
            trainer.should_stop = True


class FailBeforeTest(Callback):
    """Raises an error between the training and the final evaluation."""

    def on_test_start(self, *_: Any) -> None:
        raise RuntimeError("the machine failed")


class FullDisk(Callback):
    """Lets no file of the process grow beyond a size after a number of optimizer steps.

    Args:
        step: Optimizer steps.
        size: Bytes.
    """

    def __init__(self, step: int, size: int) -> None:
        self.step = step
        self.size = size

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step >= self.step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, resource.RLIM_INFINITY))
