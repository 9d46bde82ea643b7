"""The command `rnn-capacity reproduce`, which trains a stored run again and compares all final metrics and weights."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnn_capacity.checks import check_minimum
from rnn_capacity.files import local_folder
from rnn_capacity.formatting import format_value, metric_label
from rnn_capacity.messages import CommandParser, fail

if TYPE_CHECKING:
    from torch import Tensor

NOT_COMPARED = ("task", "seconds", "seeds", "versions", "machine", "commit")
"""Keys of summary.json that are not compared, since they are not results, such as the wall time."""

CHECKPOINT = Path("checkpoints") / "last.ckpt"


class Comparison(NamedTuple):
    """Compares one final metric of a stored run with the same metric of its repetition."""

    name: str
    """Key of the metric in summary.json, or "weights"."""

    stored: Any
    """Value of the metric in the stored run; None if summary.json lacks the metric."""

    repeated: Any
    """Value of the metric in the repetition; None if summary.json lacks the metric."""

    difference: float
    """Absolute difference of the two values; infinite if they are unequal and not both numbers."""

    def within(self, tolerance: float) -> bool:
        """Return whether the difference is at most a tolerance, which is relative if the stored value is above 1."""
        scale = abs(self.stored) if isinstance(self.stored, (int, float)) and math.isfinite(self.stored) else 0.0
        return self.difference <= tolerance * max(1.0, scale)


def reproduce(argv: list[str]) -> None:
    """Run the command `rnn-capacity reproduce RUN_DIR`.

    Args:
        argv: Its arguments.

    Raises:
        SystemExit: After one line: with 2 if an argument is wrong, before anything is written; with 1 if a metric
            differs by more than the tolerance. After a signal with the signal's code.
    """
    try:
        given, options = read_arguments(argv)
        stored = read_stored_run(given.run_dir)
    except ValueError as error:
        fail(str(error))
    repeated_dir = repeat(given.run_dir, stored["task"], given.root, options)
    if os.environ.get("LOCAL_RANK", "0") != "0":  # another process of the same repetition
        return
    repeated = json.loads((repeated_dir / "summary.json").read_text(encoding="utf-8"))
    rows = compare(stored, repeated) + compare_weights(given.run_dir / CHECKPOINT, repeated_dir / CHECKPOINT)
    print_comparison(rows)
    counted = [row for row in rows if not (given.tolerance and row.name == "weights")]
    different = [row.name for row in counted if not row.within(given.tolerance)]
    bound = f" within {given.tolerance:g}" if given.tolerance else ""
    if different:
        changes = changed_versions(stored, repeated)
        where = f"; stored and repeated with {', '.join(changes)}" if changes else ""
        fail(f"{len(different)} of {len(counted)} values are not equal{bound}: {', '.join(different)}{where}", code=1)
    print(f"all {len(counted)} values are equal{bound}")


def read_arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line of `rnn-capacity reproduce`.

    Args:
        argv: The arguments of the command.

    Returns:
        Its own arguments, and the options for the trainer.

    Raises:
        ValueError: If an argument is wrong or missing.
        SystemExit: After the help text.
    """
    parser = CommandParser(
        prog="rnn-capacity reproduce",
        usage="rnn-capacity reproduce RUN_DIR [--tolerance TOLERANCE] [--trainer.OPTION VALUE ...]",
        description="Repeat a stored run from its config.yaml, and compare every final metric with its summary.json "
        "and the weights with its last.ckpt. Exits with 0 if all are equal, with 1 if not.",
        epilog="The other options of fit's trainer are taken as well, for example --trainer.accelerator cpu.",
        allow_abbrev=False,
    )
    parser.add_argument("run_dir", nargs="?", metavar="RUN_DIR", help="directory of a finished run of fit")
    parser.add_argument(
        "--tolerance",
        default="0",
        help="largest difference of a metric that counts as equal, relative to values above 1 (default: 0, bit for "
        "bit, the weights included; above 0 the weights are shown but do not count)",
    )
    parser.add_argument(
        "--trainer.default_root_dir", dest="root", help="folder for the repetition (default: that of the stored run)"
    )
    given, options = parser.parse_known_args(argv)
    if given.run_dir is None:
        raise ValueError("run_dir must be given")
    try:
        given.tolerance = float(given.tolerance)
    except ValueError:
        raise ValueError(f"tolerance must be a number, got {given.tolerance!r}") from None
    check_minimum(0, tolerance=given.tolerance)
    for option in options:
        if re.match("--?[A-Za-z]", option) and not option.startswith("--trainer."):
            raise ValueError(f"options must be --tolerance and options of the trainer, got {option!r}")
    given.run_dir = Path(given.run_dir)
    if given.root is not None:
        given.root = local_folder("trainer.default_root_dir", given.root)
    return given, options


def read_stored_run(directory: Path) -> dict[str, Any]:
    """Read the summary.json of a finished run of `fit`.

    Args:
        directory: Directory of the run.

    Raises:
        ValueError: If it is not that of a finished training.
    """
    must = f"run_dir must be the directory of a finished run of fit, got {str(directory)!r}"
    for name in ("config.yaml", "metrics.csv", "summary.json"):
        if not (directory / name).is_file():
            raise ValueError(f"{must} (it has no {name})")
    try:
        summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
        with (directory / "metrics.csv").open(encoding="utf-8") as file:
            columns = file.readline().strip().split(",")
    except ValueError as error:
        raise ValueError(f"{must} ({error})") from error
    if not isinstance(summary, dict) or not isinstance(summary.get("task"), str):
        raise ValueError(f"{must} (its summary.json has no task)")
    if "train/loss" not in columns:
        raise ValueError(f"{must} (its metrics.csv has no train/loss)")
    return summary


def repeat(directory: Path, task: str, root: str | None, options: list[str]) -> Path:
    """Train again with the config of a stored run, without the run's loggers.

    Args:
        directory: Directory of the stored run.
        task: Name of its task.
        root: Folder for the repetition; None is that of the stored run, or `runs` if that is not in a task's folder.
        options: Options of the trainer that replace those of the config.

    Returns:
        Directory of the repetition.

    Raises:
        SystemExit: If the config is refused, or the training is ended by a signal.
    """
    from rnn_capacity.commands import run
    from rnn_capacity.runs import new_run_name

    folder, name = directory.resolve().parent, new_run_name()
    root = root or (str(folder.parent) if folder.name == task else "runs")
    given = [f"--config={directory / 'config.yaml'}", "--trainer.logger=null", f"--trainer.default_root_dir={root}"]
    try:
        run(["fit", *given, f"--run={name}", *options])
    except SystemExit as stop:
        raise SystemExit(stop.code or 143) from None  # fit ends with 0 after SIGTERM, but nothing has been compared
    return Path(root) / task / name


def compare(stored: dict[str, Any], repeated: dict[str, Any]) -> list[Comparison]:
    """Compare the final metrics of two runs, given as contents of summary.json.

    Args:
        stored: Content of the stored run's summary.json.
        repeated: Content of the repetition's.

    Example:
        >>> rows = compare({"cell": "rnn", "mse": 0.5, "seconds": 3}, {"cell": "rnn", "mse": 0.75, "seconds": 4})
        >>> [(row.name, row.difference) for row in rows]
        [('cell', 0.0), ('mse', 0.25)]
    """
    pairs = {name: (stored.get(name), repeated.get(name)) for name in {**stored, **repeated}}
    return [Comparison(name, *pair, distance(*pair)) for name, pair in pairs.items() if name not in NOT_COMPARED]


def distance(one: Any, other: Any) -> float:
    """Return the absolute difference of two values: 0 if equal or both NaN, infinity if they are not numbers."""
    if one == other or (one != one and other != other):
        return 0.0
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other)):
        difference = abs(one - other)
        return math.inf if math.isnan(difference) else difference
    return math.inf


def compare_weights(stored: Path, repeated: Path) -> list[Comparison]:
    """Compare the weights in two checkpoints by their largest absolute difference.

    Args:
        stored: Checkpoint of the stored run.
        repeated: Checkpoint of the repetition.

    Returns:
        One comparison; none if there is no checkpoint to compare.

    Raises:
        SystemExit: If a checkpoint cannot be read.
    """
    from rnn_capacity.training import load_checkpoint

    if not (stored.is_file() and repeated.is_file()):
        return []
    try:
        ours, theirs = (load_checkpoint(str(path))["state_dict"] for path in (stored, repeated))
    except ValueError as error:
        fail(str(error))
    one, other = (f"{sum(value.numel() for value in weights.values()):,} numbers" for weights in (ours, theirs))
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        return [Comparison("weights", one, other, math.inf)]
    return [Comparison("weights", one, other, max(tensor_distance(ours[name], theirs[name]) for name in ours))]


def tensor_distance(one: Tensor, other: Tensor) -> float:
    """Return the largest absolute difference between two tensors; NaN equals NaN."""
    one, other = one.double(), other.double()
    same = (one == other) | (one.isnan() & other.isnan())
    differences = (one - other).abs().masked_fill(same, 0).nan_to_num(nan=math.inf, posinf=math.inf)
    return float(differences.max()) if one.numel() else 0.0


def changed_versions(stored: dict[str, Any], repeated: dict[str, Any]) -> list[str]:
    """List the versions and machine properties in which two runs differ, such as "torch 2.12 and 2.13"."""
    ours, theirs = ({**run.get("versions", {}), **run.get("machine", {})} for run in (stored, repeated))
    return [f"{name} {ours.get(name)} and {theirs[name]}" for name in theirs if ours.get(name) != theirs[name]]


def print_comparison(rows: list[Comparison]) -> None:
    """Print a table of the stored and the repeated values and their differences."""
    from rich.console import Console
    from rich.table import Table

    table = Table("metric")
    for name in ("stored", "repeated", "difference"):
        table.add_column(name, justify="right")
    for row in rows:
        shown = "different" if row.difference == math.inf else format_value(row.difference or 0)
        table.add_row(metric_label(row.name), format_value(row.stored), format_value(row.repeated), shown)
    Console(soft_wrap=True).print(table)
