from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest
from pytorch_lightning import Callback, Trainer

from rnn_capacity.tasks import RandomMapping, RecurrentModule


def quiet_trainer(**options: Any) -> Trainer:
    """A plain trainer on the CPU that writes nothing."""
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return Trainer(**{"accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0, **quiet, **options})


class Fit(Protocol):
    def __call__(
        self,
        module: RecurrentModule,
        data: RandomMapping,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer: ...


@pytest.fixture
def fit() -> Fit:
    """Train with a quiet trainer, which is returned."""

    def fit(
        module: RecurrentModule,
        data: RandomMapping,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer:
        trainer = quiet_trainer(max_steps=max_steps, callbacks=list(callbacks), **options)
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        return trainer

    return fit
