"""The directory of a run: its name, and the logger that writes its metrics.csv."""

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


def new_run_name() -> str:
    """Return a name that no other run has, made of the time and a random number.

    Example:
        >>> new_run_name() == new_run_name()
        False
    """
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def expand_run_name(run: str) -> str:
    """Replace the `$VARIABLES` of the environment in the name of a run.

    Args:
        run: The name.

    Raises:
        ValueError: If a variable is not set, or the result is not the name of one folder.

    Example:
        >>> import os
        >>> os.environ["SLURM_JOB_ID"] = "7"
        >>> expand_run_name("job-$SLURM_JOB_ID")
        'job-7'
    """
    name = os.path.expandvars(run)
    if "$" in name:
        raise ValueError(f"run must contain variables of the environment only, got {run!r}")
    if name in ("", "..") or name != Path(name).name:
        raise ValueError(f"run must be the name of one folder, got {run!r}")
    return name


class RunLogger(CSVLogger):
    """Writes `metrics.csv` in a run's directory; a resumed run appends to its file.

    Args:
        root: Folder of the runs of all tasks.
        task: Name of the task.
        name: Name of the run.

    Example:
        >>> RunLogger("runs", task="memory", name="first").log_dir
        'runs/memory/first'
    """

    def __init__(self, root: str, task: str, name: str) -> None:
        super().__init__(root, name=task, version=name)

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer of the file; Lightning's own would empty the file first."""
        if self._experiment is None:
            path = Path(self.log_dir) / "metrics.csv"
            written = path.read_text(encoding="utf-8") if path.is_file() else ""
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Experiment logs directory")  # it holds the resumed run
                writer = ExperimentWriter(self.log_dir)
            if written:
                path.write_text(written, encoding="utf-8")
                writer.metrics_keys = next(csv.reader(written.splitlines()))
            self._experiment = writer
        return cast(ExperimentWriter, self._experiment)
