"""Makes the records of a search that loggers store: its config, one row per trial, the best trial, a trial table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from rnn_capacity.runs import run_sizes
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import short_names
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import feasible, metrics

Row = dict[str, Any]

SIZE_ARGUMENTS = ("cell", "depth", "max_parameters", "hidden_size")
"""Arguments of the model that the number of parameters depends on."""

SAMPLE_ARGUMENTS = ("samples", "samples_per_parameter")
"""Names of the task arguments that affect the number of samples but not the network's size."""

NEUTRAL_ARGUMENTS = ("seed", "show", "batch_size", "steps", "loss_from", "loss_exponent", "loss_exponent_from")
"""Arguments of the task that neither sizes nor samples depend on."""


def search_config(studies: Sequence[StudyRunner]) -> Row:
    """Return the config that loggers store for a search, with one entry per study under `studies` for a grid."""
    first = studies[0].specification.to_json()
    common = {
        "sweep": first["sweep"],
        "objective": {name: first["objective"][name] for name in ("metric", "goal")},
        "tuner_seed": first["seed"],
        "trials": sum(study.total for study in studies),
    }
    configs = {study.name: {**study.specification.config, **common_sizes(study.specification)} for study in studies}
    if len(studies) > 1:
        return {**common, "studies": configs}
    return {**common, "study": studies[0].name, **configs[studies[0].name]}


def common_sizes(specification: StudySpecification) -> Row:
    """Return the task, cell, depth, units, parameters and samples, without those that differ between trials."""
    example = specification.example()
    sizes = run_sizes(example.module, example.task)
    searched = [name.partition(".init_args.")[::2] for name in specification.space.searched]
    model = {name for part, name in searched if part == "model"}
    data = {name for part, name in searched if part == "data"} - set(NEUTRAL_ARGUMENTS)
    differ = model & {"cell", "depth"}
    if model & set(SIZE_ARGUMENTS) or data - set(SAMPLE_ARGUMENTS):
        differ |= {"units", "parameters", "samples"}
    elif data:
        differ |= {"samples"}
    return {name: value for name, value in sizes.items() if name not in differ}


def label(study: StudyRunner) -> str:
    """Return the last part of a study's name, such as gru-d1-p700 of a grid's study."""
    return study.name.rpartition("/")[2]


def swept_values(study: StudyRunner, trial: FrozenTrial, prefix: str = "swept") -> Row:
    """Return a trial's searched hyperparameters as logged entries, named `prefix`/short name, such as swept/lr."""
    short = short_names(study.specification.sweep.space.searched)
    return {f"{prefix}/{short[name]}": table_cell(value) for name, value in study.values(trial).items()}


def table_cell(value: Any) -> Any:
    """Return a value as a cell of a table can hold it: lists and mappings as text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def trial_row(study: StudyRunner, trial: FrozenTrial, best: float | None, grid: bool) -> Row:
    """Return the logged entries of a finished trial: number, value, feasibility, parameters, hyperparameters.

    Args:
        study: The trial's study.
        trial: The trial.
        best: The best value of the study so far; None if no trial was feasible.
        grid: Whether there are other studies, so that the row names its study.
    """
    row = {
        **({"trial/study": label(study)} if grid else {}),
        "trial/number": trial.number,
        "trial/value": trial.value,
        "trial/feasible": feasible(trial),
        "trial/parameters": metrics(trial).get("parameters"),
        "best/value": best,
        **swept_values(study, trial),
    }
    return {name: value for name, value in row.items() if value is not None}


def final_row(studies: Sequence[StudyRunner]) -> Row:
    """Return the final logged entries of a search: metrics and hyperparameters of its best trial, and trial counts.

    Where no trial was feasible the metrics are those of the best constant predictor.
    """
    finished = sum(len(study.snapshot.finished) for study in studies)
    infeasible = sum(len(study.snapshot.infeasible) for study in studies)
    counts = {"final/trials": finished, "final/infeasible": infeasible / max(1, finished)}
    objective = studies[0].objective
    bests = [(trial, study) for study in studies for trial in study.snapshot.best(1)]
    if not bests:
        baseline = {f"final/{name}": value for name, value in objective.baseline.items()}
        return {**baseline, "final/feasible": False, **counts}
    choose = max if objective.goal == "maximize" else min
    trial, study = choose(bests, key=lambda found: found[0].value or 0.0)
    numbers = {name: value for name, value in metrics(trial).items() if isinstance(value, (bool, int, float))}
    return {
        **{f"final/{name}": value for name, value in numbers.items()},
        **counts,
        **({"final/study": label(study)} if len(studies) > 1 else {}),
        "final/trial": trial.number,
        **{name: value for name, value in swept_values(study, trial, "best").items() if value is not None},
    }


def logged_trials(studies: Sequence[StudyRunner]) -> tuple[list[str], list[list[Any]]]:
    """Return the column names and the rows of a table of all finished trials, converting mixed columns to text."""
    rows = [
        {
            **({"study": label(study)} if len(studies) > 1 else {}),
            "trial": trial.number,
            "value": trial.value,
            "feasible": feasible(trial),
            **swept_values(study, trial),
            **{name: table_cell(value) for name, value in metrics(trial).items() if name != "feasible"},
        }
        for study in studies
        for trial in study.snapshot.finished
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    mixed = {name for name in columns if len({column_type(row.get(name)) for row in rows} - {None}) > 1}

    def cell(row: Row, name: str) -> Any:
        value = row.get(name)
        return str(value) if name in mixed and value is not None else value

    return columns, [[cell(row, name) for name in columns] for row in rows]


def column_type(value: Any) -> type | None:
    """Return the column type for a table value: float for int, None for None, otherwise the value's type."""
    return None if value is None else float if type(value) is int else type(value)


def best_so_far(study: StudyRunner) -> list[tuple[float, float]]:
    """Return a (trial number, best value so far) pair for each feasible finished trial of a study."""
    points: list[tuple[float, float]] = []
    for trial in study.snapshot.finished:
        if trial.value is not None and feasible(trial):
            value = study.objective.better(trial.value, points[-1][1]) if points else trial.value
            points.append((float(trial.number), value))
    return points
