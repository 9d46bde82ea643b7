"""What a W&B run is told beyond what every logger is."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from rnn_capacity.metrics import optimum

STEP = "trainer/global_step"
"""The optimizer steps behind a row; Lightning's name for it."""


class WandbRun(Callback):
    """Gives every figure its own step axis, and as its summary the best value that it had.

    The final figures are logged once, so that their last value, which a summary is by itself, is what a sweep reads.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Define the figures of the task, before any is logged."""
        task: Any = trainer.datamodule.task  # type: ignore[attr-defined]  # set undeclared by Lightning
        figures = [
            "train/loss",
            *(f"{split}/{name}" for split in ("val", "test") for name in ("loss", *task.worthless())),
        ]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                for figure in figures:
                    logger.experiment.define_metric(figure, step_metric=STEP, summary=optimum(figure))
                logger.experiment.define_metric("final/*", step_metric=STEP)
