"""What a W&B run is told beyond what every logger is. Nothing here imports W&B: its logger does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger, WandbLogger

STEP = "trainer/global_step"
"""The optimizer steps behind a row; Lightning's name for it."""


class WandbRun(Callback):
    """Gives every figure its own step axis, and as its summary the best value that it had.

    The final figures are logged once, so that their last value, which a summary is by itself, is what a sweep reads.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Define the figures of the task, before any is logged."""
        task: Any = trainer.datamodule.task  # type: ignore[attr-defined]  # set undeclared by Lightning
        figures: dict[str, str | None] = {"train/loss": "min", "final/*": None}
        for split in ("val", "test"):
            figures |= {f"{split}/{name}": task.direction(name) for name in ("loss", *task.baseline_metrics())}
        define_figures(trainer.loggers, figures, STEP)


def wandb_loggers(loggers: Iterable[Any]) -> list[WandbLogger]:
    """Those of the loggers that are W&B's; a run of theirs that is taken away goes on as the same run.

    Args:
        loggers: Any loggers.
    """
    found = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    if found:
        os.environ.setdefault("WANDB_RESUME", "allow")  # Lightning's default, but for the parser's null
    return found


def define_figures(loggers: Iterable[Logger], figures: Mapping[str, str | None], axis: str) -> None:
    """Give figures their axis and summary, before any is logged, where a logger is W&B's.

    Args:
        loggers: Any loggers.
        figures: W&B's kind of summary by name, which may end with a star; None is the last value.
        axis: The figure that they are drawn over.
    """
    for logger in wandb_loggers(loggers):
        for name, summary in figures.items():
            logger.experiment.define_metric(name, step_metric=axis, summary=summary)


def mark_preempting(loggers: Iterable[Logger]) -> None:
    """Say that the machine is about to go, so that an agent gets the run again."""
    for logger in wandb_loggers(loggers):
        logger.experiment.mark_preempting()
