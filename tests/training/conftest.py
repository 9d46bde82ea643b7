from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest
from pytorch_lightning import Callback, Trainer

from rnn_capacity.tasks import RandomMappingData, RandomMappingModule


class Fit(Protocol):
    def __call__(
        self,
        module: RandomMappingModule,
        data: RandomMappingData,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer: ...


@pytest.fixture
def fit() -> Fit:
    """Train on the CPU with a plain trainer that writes nothing."""

    def fit(
        module: RandomMappingModule,
        data: RandomMappingData,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer:
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=max_steps,
            callbacks=list(callbacks),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **options,
        )
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        return trainer

    return fit
