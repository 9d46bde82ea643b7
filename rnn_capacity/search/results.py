"""What a search found, as people read it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from rnn_capacity.files import write_atomically
from rnn_capacity.formatting import format_value, metric_label
from rnn_capacity.search.importance import importances
from rnn_capacity.search.names import short_names
from rnn_capacity.search.ongoing import Search
from rnn_capacity.studies import Snapshot, metrics

SHOWN = 5
"""Trials of the table."""

WIDTH = 120
"""Columns of the table where it goes to a file."""

LEARNING_CURVE = 0.05
"""The share of a run after which `fit` validates the best trial's network, for a learning curve."""


def show(searches: list[Search], root: Path) -> None:
    """Print what the studies found, and write the config of the best trial of each.

    Args:
        searches: The studies.
        root: The folder of all runs.
    """
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    if len(searches) > 1:
        console.print(overview(searches))
    for search in searches:
        show_study(search, console)
    for search in searches:
        try:
            path = write_best(search, root)
        except OSError as error:
            reason = f"{error.filename or root}: {error.strerror}"
            print(f"rnn-capacity: no config of the best of {search.study.name} written: {reason}", file=sys.stderr)
        else:
            if path is not None:
                console.print(f"retrain the best alone: rnn-capacity fit --config {shlex.quote(str(path))}")


def show_study(search: Search, console: Console) -> None:
    """Print the best trials of a study, and how much each hyperparameter matters."""
    snapshot, names = search.study.snapshot(), short_names(search.space.searched)
    best = snapshot.best(SHOWN)
    shares = importances(snapshot.finished, search.space, search.objective.goal)
    table = Table(title=title(search))
    table.add_column("trial", no_wrap=True)
    for trial in best:
        table.add_column(str(trial.number), justify="right", no_wrap=True)
    if shares:
        table.add_column("importance", justify="right", no_wrap=True)
    table.add_row(metric_label(search.objective.figure), *(format_value(trial.value) for trial in best))
    table.add_row(
        "parameters", *(format_value(metrics(trial).get("parameters", "")) for trial in best), end_section=True
    )
    for name in sorted(names, key=lambda name: -shares.get(name, 0)):
        share = [f"{shares.get(name, 0):.2f}"] if shares else []
        table.add_row(names[name], *(format_value(search.values(trial)[name]) for trial in best), *share)
    console.print(table)


def title(search: Search) -> str:
    """A study's name, its trials and the share of them that diverged."""
    finished, share = finished_trials(search.study.snapshot())
    return f"{search.study.name}: {finished} trials, {share:.1%} infeasible"


def finished_trials(snapshot: Snapshot) -> tuple[int, float]:
    """The number of finished trials, and the share of them that diverged."""
    finished = len(snapshot.finished)
    return finished, len(snapshot.infeasible) / max(1, finished)


def overview(searches: list[Search]) -> Table:
    """The best value of each study."""
    table = Table(title="best trials")
    for heading in ("study", "trials", "infeasible", "best", "parameters"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for search in searches:
        snapshot = search.study.snapshot()
        finished, share = finished_trials(snapshot)
        best = snapshot.best(1)
        found = (best[0].value, metrics(best[0]).get("parameters", "")) if best else ("none", "")
        table.add_row(search.study.name, str(finished), f"{share:.1%}", *(format_value(value) for value in found))
    return table


def write_best(search: Search, root: Path) -> Path | None:
    """Write the config that `fit` trains a study's best network with.

    Args:
        search: The study.
        root: The folder of all runs.

    Returns:
        The file; None if no trial was feasible.

    Raises:
        OSError: If it cannot be written.
    """
    best = search.study.snapshot().best(1)
    if not best:
        return None
    (trial,) = best
    config = search.factory.config(search.space.values(trial.params))
    config["trainer"] |= {"devices": 1, "val_check_interval": LEARNING_CURVE}
    path = root / "studies" / search.study.name / "best.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = search.objective.figure
    head = f"# Trial {trial.number} of {search.study.name}, its best of {figure}: {trial.value}\n"
    write_atomically(path, head + yaml.safe_dump(config, sort_keys=False))
    return path
