"""The studies that a command line asks for, opened; none is made unless all can be."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from rnn_capacity.parsing import BASES
from rnn_capacity.search.arguments import Arguments
from rnn_capacity.search.options import DEFAULT_TRIALS
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.sweep_file import read_sweep
from rnn_capacity.search.specification import StudySpecification, define
from rnn_capacity.search.study_grid import grid_studies
from rnn_capacity.studies import Study, Timing, hide_password, study_names
from rnn_capacity.training import Task

HEARTBEAT = "RNN_CAPACITY_HEARTBEAT"
"""The environment's variable with other times than usual: seconds between heartbeats, and the grace, with a comma."""


def timing() -> Timing | None:
    """The times of the studies' workers; None is the usual ones.

    Raises:
        ValueError: If the environment has other times that make no sense.
    """
    given = os.environ.get(HEARTBEAT)
    if given is None:
        return None
    try:
        heartbeat, grace = map(float, given.split(","))
        return Timing(heartbeat=heartbeat, grace=grace)
    except ValueError as error:
        raise ValueError(
            f"{HEARTBEAT}: {given!r} given, seconds between heartbeats and longer ones of grace needed, as 60,180"
        ) from error


def storage_of(arguments: Arguments) -> str:
    """The URL of the studies' storage."""
    return arguments.options.storage or f"sqlite:///{Path(arguments.root) / 'studies.db'}"


def stored_searches(arguments: Arguments) -> list[StudyRunner]:
    """A study to be gone on with, or all of a grid.

    Raises:
        ValueError: If there is none of the name, or no name is given.
    """
    name, storage = study_name(arguments.options.study), storage_of(arguments)
    names = study_names(storage)
    if name is None:
        raise ValueError(
            f"study: none given with --resume; {hide_password(storage)} holds {', '.join(names) or 'none'}"
        )
    found = [known for known in names if known == name] or [known for known in names if known.startswith(f"{name}/")]
    studies = [Study.open(storage, known, timing=timing()) for known in found or [name]]
    for study in studies:
        StudySpecification.of(study.specification)  # before anything is written to one that is none of ours
    return [StudyRunner(study, total_of(arguments, study)) for study in studies]


def total_of(arguments: Arguments, study: Study) -> int:
    """The trials that a study is to have: as many as asked for, which is kept if it is more than ever, or else that."""
    known = study.total() or 0
    if arguments.options.trials is None and (known or arguments.options.resume):
        return max(known or DEFAULT_TRIALS, len(study.snapshot().trials))
    wanted = int(arguments.options.trials or DEFAULT_TRIALS)
    study.set_total(max(wanted, known))
    return wanted


def begun_searches(arguments: Arguments) -> tuple[list[StudyRunner], list[str]]:
    """The studies that a config and a sweep ask for, and lines about what was left out.

    Raises:
        ValueError: If they do not fit together, or one of the studies is there and measures something else.
    """
    options, config = arguments.options, arguments.config
    for part in BASES:
        if config[part] is None:
            raise ValueError(f"{part}: none given; give --config, for example configs/random_mapping.yaml")
    if options.sweep is None:
        raise ValueError("sweep: none given; give a sweep file, for example configs/sweeps/capacity.yaml")
    sweep = read_sweep(options.sweep)
    lines = [f"sweep: {key} left out, members of a population train to their end" for key in sweep.ignored]
    planned, left_out = grid_studies(options, config, study_name(options.study), task_of(config))
    definitions: dict[str, StudySpecification] = {}
    for plan in planned:
        try:
            definitions[plan.name], more = define(plan.config, sweep, plan.fixed, options.seed)
        except ValueError as error:
            raise ValueError(f"{plan.name}: {error}" if len(planned) > 1 else str(error)) from error
        left_out += more
    storage = storage_of(arguments)
    if options.storage is None:
        try:
            Path(arguments.root).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            given = f"trainer.default_root_dir: {arguments.root!r} given"
            raise ValueError(f"{given}, not a writable folder ({error})") from error
    there = known_names(storage)
    opened = {
        name: Study.open(
            storage, name, specification=definition.content, goal=definition.objective.goal, timing=timing()
        )
        for name, definition in sorted(definitions.items(), key=lambda item: item[0] not in there)
    }  # those that are there come first: what differs is found before any is made
    studies = [opened[name] for name in definitions]
    return [StudyRunner(study, total_of(arguments, study)) for study in studies], [*lines, *dict.fromkeys(left_out)]


def known_names(storage: str) -> list[str]:
    """The names of the studies in a storage; none if it is yet to be made."""
    try:
        return study_names(storage)
    except ValueError:
        return []  # what is wrong with it, whoever makes it says


def task_of(config: dict[str, dict[str, str]]) -> str:
    """The name of the task that the data is of."""
    module, _, name = config["data"]["class_path"].rpartition(".")
    kind: type[Task] = getattr(importlib.import_module(module), name)
    return kind.name


def study_name(given: str | None) -> str | None:
    """A study's name, of which the folder of its results is made, too, with the environment's `$VARIABLES` filled in.

    Raises:
        ValueError: If it is no path of folders, or a variable is not set.
    """
    if given is None:
        return None
    name = os.path.expandvars(given)
    if "$" in name:
        raise ValueError(f"study: {given!r} given, of which the environment sets no such variable")
    if any(part in ("", ".", "..") or part != Path(part).name for part in name.split("/")):
        raise ValueError(f"study: {given!r} given, a name that folders can have needed")
    return name
