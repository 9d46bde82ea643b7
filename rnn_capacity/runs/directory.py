"""The directory of a run: its name, and the logger that writes its metrics.csv."""

from __future__ import annotations

import csv
import os
import secrets
import time
from io import StringIO
from pathlib import Path
from typing import Any, cast

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.utilities import rank_zero_only

from rnn_capacity.files import append, is_folder_name, write_atomically


def new_run_name() -> str:
    """Return an unused run name, made of the local time and a random hexadecimal number.

    Example:
        >>> new_run_name() == new_run_name()
        False
    """
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def expand_run_name(run: str) -> str:
    """Replace environment variables such as `$SLURM_JOB_ID` in the name of a run.

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
    if not is_folder_name(name):
        raise ValueError(f"run must be the name of one folder, got {run!r}")
    return name


class MetricsWriter(ExperimentWriter):
    """Writes `metrics.csv`, whole rows only, and appends to a file that exists.

    Args:
        log_dir: Directory of the run.
    """

    def __init__(self, log_dir: str) -> None:  # Lightning's own would remove the file
        Path(log_dir).mkdir(parents=True, exist_ok=True)
        self.log_dir = log_dir
        self.hparams = {}
        self.metrics = []
        self.path = Path(log_dir) / "metrics.csv"
        self.metrics_keys = self._read_rows()[0]

    def save(self) -> None:
        """Write the rows logged since the last call to `metrics.csv`."""
        if not self.metrics:
            return
        keys = sorted({*self.metrics_keys, *(key for row in self.metrics for key in row)})
        if keys == self.metrics_keys:
            append(self.path, csv_text(keys, self.metrics, header=False))
        else:
            write_atomically(self.path, csv_text(keys, [*self._read_rows()[1], *self.metrics]))
        self.metrics_keys, self.metrics = keys, []

    def resume_at(self, step: int | None) -> None:
        """Remove the rows after a checkpoint's step and the final metrics, which a resumed run logs again.

        Args:
            step: Optimizer steps of the checkpoint from which the run resumes; None keeps no row.
        """
        keys, rows = self._read_rows()
        text = csv_text(keys, [] if step is None else [row for row in rows if is_before(row, step)])
        if self.metrics_keys and self.path.read_bytes() != text.encode():  # more rows, or one that is not whole
            write_atomically(self.path, text)

    def _read_rows(self) -> tuple[list[str], list[dict[str, Any]]]:
        """Read the columns and rows of `metrics.csv`, without a last row that was cut off."""
        text = self.path.read_bytes().decode() if self.path.is_file() else ""
        reader = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
        return list(reader.fieldnames or []), list(reader)


def csv_text(keys: list[str], rows: list[dict[str, Any]], header: bool = True) -> str:
    """Format rows as CSV text, with a header line unless `header` is False."""
    text = StringIO()
    writer = csv.DictWriter(text, keys)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def is_before(row: dict[str, str], step: int) -> bool:
    """Return whether a row of metrics.csv was logged up to an optimizer step, before the final evaluation."""
    final = any(value and name.startswith(("test/", "final/")) for name, value in row.items())
    return int(row["step"]) <= step and not final


class RunLogger(CSVLogger):
    """Lightning logger that writes `metrics.csv` in a run's directory; a resumed run appends to the file.

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
        """The writer of metrics.csv."""
        if self._experiment is None:
            self._experiment = MetricsWriter(self.log_dir)
        return cast(ExperimentWriter, self._experiment)

    @rank_zero_only
    def resume_at(self, step: int | None) -> None:
        """Remove the rows of metrics.csv after a checkpoint's optimizer step, which the resumed run logs again."""
        cast(MetricsWriter, self.experiment).resume_at(step)
