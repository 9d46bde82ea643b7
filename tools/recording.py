"""Shared by the scripts in tools: runs `rnn-capacity`, stores results as JSON, and makes tables and figures."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from measuring import machine

ROOT = Path(__file__).parent.parent

Run = dict[str, Any]
"""One measurement, as a dict that is stored in a JSON file of results."""


def load_results(path: Path, **setting: Any) -> dict[str, Any]:
    """Load the stored results of a script from a JSON file, without runs if its settings differ.

    Args:
        path: The JSON file.
        setting: Entries of the file on which its results depend.

    Returns:
        The file's content; without runs if there is no file or it has another setting.
    """
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if any(known.get(name) != value for name, value in setting.items()):
        known = {}
    return {**setting, "runs": [], **known}


def save_results(path: Path | None, content: object) -> None:
    """Write results to a JSON file, creating the folder; without a path do nothing."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measure_missing(
    path: Path,
    wanted: Iterable[Run],
    measure: Callable[[Run], Run],
    *,
    identity: Sequence[str],
    order: Callable[[Run], Any] | None = None,
    **setting: Any,
) -> list[Run]:
    """Make the runs that a script's results lack, and store each as soon as it is made.

    Args:
        path: The JSON file.
        wanted: The runs, each by the entries on which it depends.
        measure: Makes a run; its result gets these entries and the machine.
        identity: Entries of which the file has one run at most; a wanted run replaces the one that has the same.
        order: Sort key of the stored runs.
        setting: Entries of the file on which all runs depend.

    Returns:
        All runs of the file.
    """
    results = load_results(path, **setting)
    for entries in wanted:
        runs = results["runs"]
        if any(entries == {name: run.get(name) for name in entries} for run in runs):
            continue
        made = {**entries, **measure(entries), "machine": machine()}  # a summary has a machine of its own
        kept = [run for run in runs if any(run.get(name) != made[name] for name in identity)]
        results["runs"] = [*kept, made] if order is None else sorted([*kept, made], key=order)
        save_results(path, results)
    runs_made: list[Run] = results["runs"]
    return runs_made


def program(command: str, config: str, options: Sequence[str]) -> list[str]:
    """Return the words of an `rnn-capacity` command line with a shipped config."""
    return [sys.executable, "-m", "rnn_capacity", command, "--config", str(ROOT / "configs" / config), *options]


def fit(config: str, options: Sequence[str], runs: Path) -> tuple[Run, Path]:
    """Make one run of `rnn-capacity fit` in a process of its own.

    Args:
        config: File of the folder configs.
        options: More options.
        runs: Folder that gets the run's directory.

    Returns:
        The run's summary and its directory.
    """
    before = set(runs.glob("*/*/summary.json"))
    subprocess.run(program("fit", config, [f"--trainer.default_root_dir={runs}", *options]), check=True)
    (path,) = set(runs.glob("*/*/summary.json")) - before
    summary: Run = json.loads(path.read_text(encoding="utf-8"))
    return summary, path.parent


def fit_summary(config: str, options: Sequence[str]) -> Run:
    """Make one run of `rnn-capacity fit` in a process of its own, keep its summary and delete its directory."""
    with tempfile.TemporaryDirectory() as folder:
        return fit(config, options, Path(folder))[0]


class SearchRun(NamedTuple):
    """The result of one `rnn-capacity search`: its trials, search space and duration."""

    snapshot: Any
    """The trials of the search's study, a rnn_capacity.studies.Snapshot."""

    space: Any
    """The search space of the trials, a rnn_capacity.search.SearchSpace."""

    seconds: int
    """Wall time of the search in seconds."""

    def searched(self, trial: Any) -> Run:
        """Return the hyperparameters of a trial that were searched for, by their dotted names."""
        values = self.space.values(trial.params)
        return {name: values[name] for name in self.space.searched}


def search(cell: str, sweep: Path, options: Sequence[str]) -> SearchRun:
    """Run `rnn-capacity search` on the random mapping task for a cell, from an empty storage in a process of its own.

    Args:
        cell: Name of the cell.
        sweep: The sweep file.
        options: More options.
    """
    from rnn_capacity.cells import cell_class
    from rnn_capacity.search import narrow, read_sweep
    from rnn_capacity.studies import Study

    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/study.db"
        given = [f"--sweep={sweep}", f"--storage={storage}", f"--study={cell}", f"--model.cell={cell}"]
        given += [f"--trainer.default_root_dir={folder}", *options]
        start = time.perf_counter()
        subprocess.run(program("search", "random_mapping.yaml", given), check=True)
        seconds = round(time.perf_counter() - start)
        space, _ = narrow(read_sweep(sweep).space, cell_class(cell))
        return SearchRun(Study.open(storage, cell).snapshot(), space, seconds)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format a header and rows as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


@contextmanager
def figure(path: Path, panels: int = 1, size: tuple[float, float] = (7, 3.2), **options: Any) -> Iterator[list[Any]]:
    """Yield the axes of a new matplotlib figure to draw on, and then write the figure to a file.

    Args:
        path: The file.
        panels: Panels in a row.
        size: Inches.
        options: Of matplotlib's `subplots`.

    Yields:
        The axes of each panel.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    picture = Figure(figsize=size, layout="constrained")
    axes = list(picture.subplots(1, panels, squeeze=False, **options)[0])
    yield axes
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "rnn-capacity"}):  # so that the same figure is the same file
        picture.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
