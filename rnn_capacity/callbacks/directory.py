"""The directory of a run: a new one at each start, or a named one that a later start goes on in."""

from __future__ import annotations

import csv
import os
import secrets
import time
import warnings
from pathlib import Path
from typing import cast

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter


def new_name() -> str:
    """A name that no other run has: the time, and chance."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def given_name(run: str) -> str:
    """The name with the environment's `$VARIABLES` filled in.

    Raises:
        ValueError: If a variable is not set, or the name is not that of one folder.
    """
    name = os.path.expandvars(run)
    if "$" in name:
        raise ValueError(f"run: {run!r} given, of which the environment sets no such variable")
    if name in ("", "..") or name != Path(name).name:
        raise ValueError(f"run: {run!r} given, the name of one folder needed")
    return name


def checkpoint_of(directory: Path) -> Path | None:
    """Where a run that was begun in this directory goes on from; None if it has not come so far.

    Raises:
        ValueError: If the run is finished.
    """
    if (directory / "summary.json").exists():
        raise ValueError(f"run: {directory.name!r} given, {directory} holds a finished run; another name needed")
    checkpoint = directory / "checkpoints" / "last.ckpt"
    return checkpoint if checkpoint.is_file() else None


class RunLogger(CSVLogger):
    """Writes `metrics.csv` in a run's directory; a run that goes on adds to what is there.

    Args:
        root: Where the runs of all tasks go.
        task: The task's name.
        name: The run's name.
    """

    def __init__(self, root: str, task: str, name: str) -> None:
        super().__init__(root, name=task, version=name)

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The file's writer; Lightning's own would begin the file again."""
        if self._experiment is None:
            path = Path(self.log_dir) / "metrics.csv"
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Experiment logs directory")  # it holds the run that goes on
                writer = ExperimentWriter(self.log_dir)
            if before:
                path.write_text(before, encoding="utf-8")
                writer.metrics_keys = next(csv.reader(before.splitlines()))
            self._experiment = writer
        return cast(ExperimentWriter, self._experiment)
