"""Operations on W&B runs that Lightning's logger lacks; W&B is imported only if its logger is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger


def wandb_loggers(loggers: Iterable[Any]) -> list[WandbLogger]:
    """Return the W&B loggers among loggers.

    Args:
        loggers: Any loggers.
    """
    return [logger for logger in loggers if isinstance(logger, WandbLogger)]


def allow_wandb_resume(loggers: Iterable[Any]) -> None:
    """Let W&B resume a preempted run, if one of the loggers is W&B's.

    Args:
        loggers: Any loggers.
    """
    if wandb_loggers(loggers):
        os.environ.setdefault("WANDB_RESUME", "allow")  # Lightning's default, which the parser's null replaces


def define_metrics(loggers: Iterable[Logger], summaries: Mapping[str, str | None], axis: str) -> None:
    """Define the x-axis and the summary value of metrics in the W&B runs, before any metric is logged.

    Args:
        loggers: Any loggers.
        summaries: W&B's kind of summary (min, max, none) by metric, which may end with a star; None is the last value.
        axis: The metric of the x-axis.
    """
    for logger in wandb_loggers(loggers):
        for name, summary in summaries.items():
            logger.experiment.define_metric(name, step_metric=axis, summary=summary)


def mark_preempting(loggers: Iterable[Logger]) -> None:
    """Tell W&B that this machine is about to be preempted, so that the sweep gives the run to an agent again.

    Args:
        loggers: Any loggers.
    """
    for logger in wandb_loggers(loggers):
        logger.experiment.mark_preempting()


def has_wandb_run() -> bool:
    """Return whether this process has an active W&B run."""
    wandb = sys.modules.get("wandb")
    return wandb is not None and wandb.run is not None


def finish_wandb_run(exit_code: int) -> None:
    """End this process's active W&B run, if there is one, with an exit code.

    The next run of the process then gets a W&B run of its own.

    Args:
        exit_code: 0 for a finished run; W&B records a failed run for any other.
    """
    if has_wandb_run():
        sys.modules["wandb"].finish(exit_code)
