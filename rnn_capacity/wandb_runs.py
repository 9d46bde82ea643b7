"""Operations on W&B runs that Lightning's logger interface lacks; W&B is imported only with its logger."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger


def wandb_loggers(loggers: Iterable[Any]) -> list[WandbLogger]:
    """Return the W&B loggers among loggers; with one, let W&B resume a preempted run as the same run.

    Args:
        loggers: Any loggers.
    """
    found = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    if found:
        os.environ.setdefault("WANDB_RESUME", "allow")  # Lightning's default, which the parser's null replaces
    return found


def define_metrics(loggers: Iterable[Logger], summaries: Mapping[str, str | None], axis: str) -> None:
    """Define the x-axis and the summary of metrics in the W&B runs, before any metric is logged.

    Args:
        loggers: Any loggers.
        summaries: W&B's kind of summary (min, max, none) by metric, which may end with a star; None is the last value.
        axis: The metric of the x-axis.
    """
    for logger in wandb_loggers(loggers):
        for name, summary in summaries.items():
            logger.experiment.define_metric(name, step_metric=axis, summary=summary)


def mark_preempting(loggers: Iterable[Logger]) -> None:
    """Tell W&B that the machine is about to be taken away, so that an agent gets the run again.

    Args:
        loggers: Any loggers.
    """
    for logger in wandb_loggers(loggers):
        logger.experiment.mark_preempting()


def has_wandb_run() -> bool:
    """Return whether this process has a W&B run."""
    wandb = sys.modules.get("wandb")
    return wandb is not None and wandb.run is not None


def finish_wandb_run(exit_code: int) -> None:
    """End this process's W&B run, if it has one, so that the next run of the process is its own.

    Args:
        exit_code: 0 for a finished run; W&B records a failed run for any other.
    """
    if has_wandb_run():
        sys.modules["wandb"].finish(exit_code)
