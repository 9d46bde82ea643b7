"""What a search found, as people read it."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from rnn_capacity.callbacks import write_whole
from rnn_capacity.search.names import readable, short_names
from rnn_capacity.search.ongoing import Search
from rnn_capacity.studies import StoredTrial

SHOWN = 10
"""Trials of the table."""

LEARNING_CURVE = 0.05
"""The share of a run after which `fit` validates the best trial's network, for a learning curve."""


def show(searches: list[Search], root: Path) -> None:
    """Print what the studies found, and write the config of the best trial of each.

    Args:
        searches: The studies.
        root: The folder of all runs.
    """
    console = Console(soft_wrap=True, highlight=False)
    if len(searches) == 1:
        show_study(searches[0], console)
    else:
        console.print(overview(searches))
    for search in searches:
        best = search.study.best(1)
        if best:
            path = write_best(search, best[0], root)
            console.print(f"retrain the best alone: rnn-capacity fit --config {shlex.quote(str(path))}")


def show_study(search: Search, console: Console) -> None:
    """Print the best trials of a study, and which hyperparameters matter."""
    names = short_names(search.space.searched)
    table = Table(title=title(search))
    for heading in ("trial", search.objective.figure.replace("_", " "), "parameters", *names.values()):
        table.add_column(heading, justify="right")
    for trial in search.study.best(SHOWN):
        values = search.values(trial)
        own = (trial.value, trial.figures.get("parameters", ""), *(values[name] for name in names))
        table.add_row(str(trial.number), *(readable(value) for value in own))
    console.print(table)


def title(search: Search) -> str:
    """A study's name, its trials and the share of them that diverged."""
    counts = search.study.counts()
    share = counts.infeasible / max(1, counts.finished)
    return f"{search.study.name}: {counts.finished} trials, {share:.1%} infeasible"


def overview(searches: list[Search]) -> Table:
    """The best value of each study."""
    table = Table(title="best trials")
    for heading in ("study", "trials", "infeasible", "best", "parameters"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for search in searches:
        counts, best = search.study.counts(), search.study.best(1)
        share = counts.infeasible / max(1, counts.finished)
        found = (best[0].value, best[0].figures.get("parameters", "")) if best else ("none", "")
        table.add_row(search.study.name, str(counts.finished), f"{share:.1%}", *(readable(value) for value in found))
    return table


def write_best(search: Search, trial: StoredTrial, root: Path) -> Path:
    """Write the config that `fit` trains a trial's network with.

    Args:
        search: The study.
        trial: One of its trials.
        root: The folder of all runs.

    Returns:
        The file.
    """
    config = search.factory.config(search.space.values(trial.params))
    config["trainer"] |= {"devices": 1, "val_check_interval": LEARNING_CURVE}
    path = root / "studies" / search.study.name / "best.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = search.objective.figure
    head = f"# Trial {trial.number} of {search.study.name}, its best of {figure}: {trial.value}\n"
    write_whole(path, head + yaml.safe_dump(config, sort_keys=False))
    return path
