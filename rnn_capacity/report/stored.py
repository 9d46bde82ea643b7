"""Reads finished trials of stored studies as rows of results."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from rnn_capacity.cells import CELLS
from rnn_capacity.full_names import full_name
from rnn_capacity.report.results import Rows, TrialResult
from rnn_capacity.studies import Study, feasible, metrics, study_names, values

TASKS = {
    "RandomMapping": "random_mapping",
    "Memory": "memory",
    "Language": "language",
    "ContinuousFunction": "continuous_function",
    "Parentheses": "parentheses",
    "Arithmetic": "arithmetic",
}
"""Names of this package's tasks, by class name."""

CELL_CLASSES = {kind.__name__: name for name, kind in CELLS.items()}
"""Names of this package's cells, by class name."""

STUDY_KEYS = ("config", "sweep", "objective", "fixed", "seed")
"""Keys that the specification of a study has if `rnn-capacity search` created the study."""


@dataclass(frozen=True)
class StoredStudy:
    """A study read from a storage: its name, its specification and its finished trials as rows of results."""

    name: str
    """Name of the study in the storage."""

    specification: dict[str, Any]
    """What the study's results depend on: config, sweep, objective and the sampler's seed."""

    rows: Rows
    """The finished trials of the study, as rows of results."""


def read_studies(storage: str, names: Sequence[str] = ()) -> tuple[list[StoredStudy], list[str]]:
    """Read studies that `rnn-capacity search` created, with their finished trials as rows of results.

    Args:
        storage: The storage's URL.
        names: Names of studies, or of grids of studies; none for all studies of the storage.

    Returns:
        The studies, and a line for each study that another program wrote.

    Raises:
        ValueError: If the storage cannot be opened, or has no study of a name.
        StorageError: If the storage fails.
    """
    known = study_names(storage)
    chosen: dict[str, None] = {} if names else dict.fromkeys(known)
    for name in names:
        found = [one for one in known if one == name or one.startswith(f"{name}/")]
        if not found:
            raise ValueError(f"study must be one of {', '.join(known) or 'none'}; got {name!r}")
        chosen |= dict.fromkeys(found)
    studies, notes = [], []
    for name in chosen:
        study = Study.open(storage, name)
        missing = [key for key in STUDY_KEYS if key not in study.specification]
        if missing:
            notes.append(f"{name}: left out, it was not written by rnn-capacity search (no {missing[0]})")
        else:
            studies.append(read_study(study))
    return studies, notes


def read_study(study: Study) -> StoredStudy:
    """Read one study, with its finished trials as rows of results."""
    specification, finished = study.specification, study.snapshot().finished
    command = rerun_command(study.name, specification, max(len(finished), 1))
    rows = [trial_row(study, trial, command) for trial in finished]
    return StoredStudy(study.name, specification, rows)


def trial_row(study: Study, trial: FrozenTrial, command: str) -> TrialResult:
    """Convert a finished Optuna trial and its study's config to a row of results."""
    specification, found = study.specification, metrics(trial)
    config, sweep = specification["config"], specification["sweep"]
    searched = values(trial)
    settings = {**constants(sweep["parameters"], specification["fixed"]), **searched}

    def option(part: str, name: str, default: Any = None) -> Any:
        given = (config[part].get("init_args") or {}).get(name, default)
        return settings.get(f"{part}.init_args.{name}", given)

    task, cell = config["data"]["class_path"].rpartition(".")[2], str(option("model", "cell")).rpartition(".")[2]
    parameters, nonlinearity = found.get("parameters"), option("model", "nonlinearity")
    cell = CELL_CLASSES.get(cell, cell)
    if cell in CELLS and nonlinearity not in CELLS[cell].nonlinearities:
        nonlinearity = None  # a search leaves out what a cell does not have
    return TrialResult(
        study=study.name,
        number=trial.number,
        task=TASKS.get(task, task),
        cell=cell,
        depth=int(option("model", "depth", 1)),
        size=option("model", "max_parameters") or parameters,
        units=found.get("units", option("model", "hidden_size")),
        parameters=parameters,
        metric=specification["objective"]["metric"],
        goal=study.goal,
        value=float(trial.value or 0.0),
        feasible=bool(feasible(trial)),
        metrics=found,
        settings=searched,
        method=sweep.get("method", "bayes"),
        unrolled_steps=option("data", "steps"),
        loss_exponent=float(option("data", "loss_exponent", 0.0) or 0.0),
        nonlinearity=nonlinearity,
        dataset=dataset(task, option),
        input_size=option("data", "input_size"),
        command=command,
    )


def dataset(task: str, option: Callable[..., Any]) -> str:
    """Return the name of a trial's text or number of samples, which tell data sets of one task apart."""
    if task == "Language":
        path = option("data", "path")
        return Path(path).name if path else str(option("data", "corpus", "synthetic"))
    return f"N = {option('data', 'samples'):,}" if task == "ContinuousFunction" else ""


def constants(parameters: dict[str, Any], fixed: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """Return the hyperparameters for which a sweep has a single value, by dotted name, except those in `fixed`."""
    found: dict[str, Any] = {}
    for key, settings in parameters.items():
        name = full_name(f"{prefix}{key}")
        if not isinstance(settings, dict) or name in fixed:
            continue
        if "parameters" in settings:
            found |= constants(settings["parameters"], fixed, f"{name}.")
        elif "value" in settings:
            found[name] = settings["value"]
    return found


def file_names(study: str) -> tuple[str, str]:
    """Return the paths, within the report's folder, of the files with a study's config and sweep."""
    path = "/".join("_" if part in ("", ".", "..") else part for part in study.split("/"))
    return f"studies/{path}.yaml", f"studies/{path}.sweep.yaml"


def rerun_command(study: str, specification: dict[str, Any], trials: int) -> str:
    """Return the shell command that runs a study again from the report's folder, in a new SQLite storage."""
    config, sweep = file_names(study)
    command = ["rnn-capacity", "search", "--config", config, "--sweep", sweep, "--study", study]
    command += ["--trials", str(trials), "--seed", str(specification["seed"]), "--storage", "sqlite:///again.db"]
    return shlex.join(command)


def rerun_files(specification: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config and the sweep to run a study again, the sweep without a grid's fixed hyperparameters."""
    sweep = specification["sweep"]
    fixed = specification["fixed"]
    return specification["config"], {**sweep, "parameters": without(sweep["parameters"], fixed)}


def without(parameters: dict[str, Any], fixed: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """Return a sweep's parameters except those whose dotted names are in `fixed`, and sections of nothing else."""
    kept = {}
    for key, settings in parameters.items():
        if isinstance(settings, dict) and "parameters" in settings:
            settings = {**settings, "parameters": without(settings["parameters"], fixed, f"{prefix}{key}.")}
            if not settings["parameters"]:
                continue
        if full_name(f"{prefix}{key}") not in fixed:
            kept[key] = settings
    return kept
