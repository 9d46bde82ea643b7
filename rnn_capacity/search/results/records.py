"""What a search is in numbers and texts, as loggers take them: its definition, a row a trial, the best, all trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from rnn_capacity.runs import run_sizes
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import short_names
from rnn_capacity.search.specification import draws, try_out
from rnn_capacity.studies import feasible, metrics

Row = dict[str, Any]

SIZING = ("cell", "depth", "max_parameters", "hidden_size")
"""Arguments of the model that its parameters depend on."""

SAMPLING = ("samples", "samples_per_parameter")
"""Arguments of the data that the number of samples depends on."""

HARMLESS = ("seed", "show", "batch_size")
"""Arguments of the data on which neither sizes nor samples depend."""


def described(searches: Sequence[StudyRunner]) -> Row:
    """All that the results depend on; for a grid, what the studies differ in under `studies` by their names."""
    first = searches[0].definition.content
    common = {
        "sweep": first["sweep"],
        "objective": {name: first["objective"][name] for name in ("figure", "goal")},
        "tuner_seed": first["seed"],
        "trials": sum(search.total for search in searches),
    }
    studies = {search.study.name: {**search.definition.config, **common_sizes(search)} for search in searches}
    if len(searches) > 1:
        return {**common, "studies": studies}
    ((name, only),) = studies.items()
    return {**common, "study": name, **only}


def common_sizes(search: StudyRunner) -> Row:
    """Task, cell, depth, units, parameters and samples, as far as all trials have the same."""
    member = try_out(search.factory, draws(search.space, search.definition.seed))
    found = run_sizes(member.module, member.task)
    searched = [name.partition(".init_args.")[::2] for name in search.space.searched]
    model = {name for part, name in searched if part == "model"}
    data = {name for part, name in searched if part == "data"} - set(HARMLESS)
    differ = model & {"cell", "depth"}
    if model & set(SIZING) or data - set(SAMPLING):
        differ |= {"units", "parameters", "samples"}
    elif data:
        differ |= {"samples"}
    return {name: value for name, value in found.items() if name not in differ}


def label(search: StudyRunner) -> str:
    """A study's name within its grid."""
    return search.study.name.rpartition("/")[2]


def swept(search: StudyRunner, trial: FrozenTrial) -> Row:
    """A trial's hyperparameters by short names, which are the same in all studies of a sweep file."""
    short = short_names(search.definition.sweep.space.searched)
    return {short[name]: plain(value) for name, value in search.values(trial).items()}


def plain(value: Any) -> Any:
    """A value as a cell of a table can hold it."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def row(search: StudyRunner, trial: FrozenTrial, best: float | None, grid: bool) -> Row:
    """What is logged of a finished trial.

    Args:
        search: Its study.
        trial: The trial.
        best: The best value of the study so far; None if no trial was feasible.
        grid: Whether there are other studies, so that it must say of which it is.
    """
    found = {
        **({"trial/study": label(search)} if grid else {}),
        "trial/number": trial.number,
        "trial/value": trial.value,
        "trial/feasible": feasible(trial),
        "trial/parameters": metrics(trial).get("parameters"),
        "best/value": best,
        **{f"swept/{name}": value for name, value in swept(search, trial).items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def final(searches: Sequence[StudyRunner]) -> Row:
    """The figures of the best trial of all studies, by the keys of summary.json, and its hyperparameters.

    Where no trial was feasible they are the constant predictor's.
    """
    snapshots = [search.study.snapshot() for search in searches]
    bests = [(trial, search) for search, found in zip(searches, snapshots, strict=True) for trial in found.best(1)]
    finished = sum(len(found.finished) for found in snapshots)
    share = sum(len(found.infeasible) for found in snapshots) / max(1, finished)
    head = {"final/trials": finished, "final/infeasible": share}
    objective = searches[0].objective
    if not bests:
        return {
            **{f"final/{name}": value for name, value in objective.constant.items()},
            "final/feasible": False,
            **head,
        }
    choose = max if objective.goal == "maximize" else min
    trial, search = choose(bests, key=lambda found: found[0].value or 0.0)
    figures = {name: value for name, value in metrics(trial).items() if isinstance(value, (bool, int, float))}
    return {
        **{f"final/{name}": value for name, value in figures.items()},
        **head,
        **({"final/study": label(search)} if len(searches) > 1 else {}),
        "final/trial": trial.number,
        **{f"best/{name}": value for name, value in swept(search, trial).items() if value is not None},
    }


def table(searches: Sequence[StudyRunner]) -> tuple[list[str], list[list[Any]]]:
    """The columns and the rows of a table of all finished trials.

    A column has values of one kind, or texts.
    """
    rows = [
        {
            **({"study": label(search)} if len(searches) > 1 else {}),
            "trial": trial.number,
            "value": trial.value,
            "feasible": feasible(trial),
            **{f"swept/{name}": value for name, value in swept(search, trial).items()},
            **{name: plain(value) for name, value in metrics(trial).items() if name != "feasible"},
        }
        for search in searches
        for trial in search.study.snapshot().finished
    ]
    columns = list(dict.fromkeys(name for one in rows for name in one))
    mixed = {name for name in columns if len({kind(one.get(name)) for one in rows} - {None}) > 1}
    return columns, [[text(one.get(name)) if name in mixed else one.get(name) for name in columns] for one in rows]


def kind(value: Any) -> type | None:
    """What a table's column takes as the same: all numbers are."""
    return None if value is None else float if type(value) is int else type(value)


def text(value: Any) -> str | None:
    """A value in a column of texts."""
    return None if value is None else str(value)


def best_so_far(search: StudyRunner) -> list[tuple[float, float]]:
    """The best value of the feasible trials up to each number, from the first feasible one on."""
    choose = max if search.objective.goal == "maximize" else min
    points: list[tuple[float, float]] = []
    for trial in search.study.snapshot().finished:
        if trial.value is not None and feasible(trial):
            value = choose(trial.value, points[-1][1]) if points else trial.value
            points.append((float(trial.number), value))
    return points
