"""The summary of a search: tables of the best trials, and a config that retrains the best one."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from rnn_capacity.files import write_atomically
from rnn_capacity.formatting import format_value, metric_label
from rnn_capacity.search.results.importance import importances
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import short_names
from rnn_capacity.studies import metrics

BEST_TRIALS = 5
"""Maximum number of trials in the printed table of a study's best trials."""

TABLE_WIDTH = 120
"""Width in characters of tables that are not printed to a terminal."""

VAL_CHECK_INTERVAL = 0.05
"""Value of `trainer.val_check_interval` in best.yaml: a validation after each 5 % of the run, for a learning curve."""


def print_summary(studies: list[StudyRunner], root: Path) -> None:
    """Print the best trials of the studies, and write the config of the best trial of each.

    Args:
        studies: The studies.
        root: The folder of all results.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = TABLE_WIDTH
    if len(studies) > 1:
        console.print(studies_table(studies))
    for study in studies:
        console.print(trials_table(study))
    for study in studies:
        try:
            path = write_best_config(study, root)
        except OSError as error:
            reason = f"{error.filename or root}: {error.strerror}"
            print(f"rnn-capacity: no config of the best of {study.name} written: {reason}", file=sys.stderr)
        else:
            if path is not None:
                console.print(f"retrain the best alone: rnn-capacity fit --config {shlex.quote(str(path))}")


def trials_table(study: StudyRunner) -> Table:
    """Make the table of a study's best trials, with the importance of each hyperparameter."""
    space, objective, snapshot = study.specification.space, study.objective, study.snapshot
    names, best = short_names(space.searched), snapshot.best(BEST_TRIALS)
    shares = importances(snapshot.finished, space, objective.goal)
    title = f"{study.name}: {len(snapshot.finished)} trials, {study.infeasible_share:.1%} infeasible"
    table = Table("trial", title=title)
    for trial in best:
        table.add_column(str(trial.number), justify="right")
    if shares:
        table.add_column("importance", justify="right")
    for column in table.columns:
        column.no_wrap = True
    table.add_row(metric_label(objective.metric), *(format_value(trial.value) for trial in best))
    sizes = [format_value(metrics(trial).get("parameters", "")) for trial in best]
    table.add_row("parameters", *sizes, end_section=True)
    for name in sorted(names, key=lambda name: -shares.get(name, 0)):
        share = [f"{shares.get(name, 0):.2f}"] if shares else []
        table.add_row(names[name], *(format_value(study.values(trial)[name]) for trial in best), *share)
    return table


def studies_table(studies: list[StudyRunner]) -> Table:
    """Make the table of the best value of each study."""
    table = Table(title="best of each study")
    for heading in ("study", "trials", "infeasible", "best", "parameters"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for study in studies:
        best = study.snapshot.best(1)
        found = (best[0].value, metrics(best[0]).get("parameters", "")) if best else ("none", "")
        counts = (str(len(study.snapshot.finished)), f"{study.infeasible_share:.1%}")
        table.add_row(study.name, *counts, *(format_value(value) for value in found))
    return table


def write_best_config(study: StudyRunner, root: Path) -> Path | None:
    """Write the config with which `fit` trains a study's best network.

    Args:
        study: The study.
        root: The folder of all results.

    Returns:
        The file; None if no trial was feasible.

    Raises:
        OSError: If the file cannot be written.
    """
    best = study.snapshot.best(1)
    if not best:
        return None
    (trial,) = best
    config = study.specification.builder.fit_config(study.specification.space.values(trial.params))
    config["trainer"] |= {"devices": 1, "val_check_interval": VAL_CHECK_INTERVAL}
    path = root / "studies" / study.name / "best.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Trial {trial.number} of {study.name}, its best of {study.objective.metric}: {trial.value}\n"
    write_atomically(path, head + yaml.safe_dump(config, sort_keys=False))
    return path
