from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest
from pytorch_lightning import Callback, Trainer

from rnn_capacity.training import RecurrentModule, Task, TaskDataModule


def quiet_trainer(**options: Any) -> Trainer:
    """Create a trainer on the CPU that writes and shows nothing."""
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return Trainer(**{"accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0, **quiet, **options})


class Fit(Protocol):
    def __call__(
        self,
        module: RecurrentModule,
        task: Task,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer: ...


@pytest.fixture
def fit() -> Fit:
    """A function that trains a module and returns its trainer."""

    def fit(
        module: RecurrentModule,
        task: Task,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer:
        trainer = quiet_trainer(max_steps=max_steps, callbacks=list(callbacks), **options)
        trainer.fit(module, datamodule=TaskDataModule(task), ckpt_path=checkpoint)
        return trainer

    return fit
