"""Opens the studies of a command line: new ones, or stored ones to be resumed."""

from __future__ import annotations

import importlib
import os

from rnn_capacity.files import is_folder_name
from rnn_capacity.parsing import BASES
from rnn_capacity.search.arguments import DEFAULT_TRIALS, Arguments
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.search.study_grid import grid_studies
from rnn_capacity.studies import Study, Timing, hide_password, study_names
from rnn_capacity.training import Task

MAX_NAME = 512
"""Characters of a study's name that Optuna's databases hold."""

HEARTBEAT = "RNN_CAPACITY_HEARTBEAT"
"""Variable of the environment: seconds between two heartbeats of a worker, and the grace, with a comma."""


def open_studies(arguments: Arguments) -> tuple[list[StudyRunner], list[str]]:
    """Open the studies of a command line.

    Args:
        arguments: The command line.

    Returns:
        The studies, and a line for each thing that the command line asks for and that is left out.

    Raises:
        ValueError: If config, sweep and stored studies do not fit together, or there is no study to resume.
        StorageError: If the storage fails.
    """
    return (resume_studies(arguments), []) if arguments.options.resume else create_studies(arguments)


def resume_studies(arguments: Arguments) -> list[StudyRunner]:
    """Open a stored study, or all of a grid.

    Raises:
        ValueError: If no name is given, or there is no study of the name.
    """
    name, names = study_name(arguments.options.study), study_names(arguments.storage)
    if name is None:
        known = f"{', '.join(names) or 'none'} in {hide_password(arguments.storage)}"
        raise ValueError(f"study must be given with --resume, one of {known}")
    found = [one for one in names if one == name] or [one for one in names if one.startswith(f"{name}/")]
    studies = [Study.open(arguments.storage, one, timing=worker_timing()) for one in found or [name]]
    # all are read before anything is written to one that another program may have made
    specifications = [StudySpecification.from_json(study.specification) for study in studies]
    return [
        StudyRunner(study, specification, wanted_trials(arguments, study))
        for study, specification in zip(studies, specifications, strict=True)
    ]


def create_studies(arguments: Arguments) -> tuple[list[StudyRunner], list[str]]:
    """Create or open the studies of a config and a sweep file, after all of them have been checked.

    Raises:
        ValueError: If config, sweep and grid do not fit together, or an existing study has another specification.
    """
    specifications, notes = new_specifications(arguments)
    timing, existing = worker_timing(), known_names(arguments.storage)
    studies: dict[str, Study] = {}
    for name in sorted(
        specifications, key=lambda name: name not in existing
    ):  # a difference is found before any is made
        content, goal = specifications[name].to_json(), specifications[name].objective.goal
        studies[name] = Study.open(arguments.storage, name, specification=content, goal=goal, timing=timing)
    return [
        StudyRunner(studies[name], specification, wanted_trials(arguments, studies[name]))
        for name, specification in specifications.items()
    ], notes


def new_specifications(arguments: Arguments) -> tuple[dict[str, StudySpecification], list[str]]:
    """Make the specification of each study by the study's name, and a line for each option left out.

    Raises:
        ValueError: If config, sweep and grid do not fit together, or the results' folder cannot be made.
    """
    options, config, sweep = arguments.options, arguments.config, arguments.sweep
    for part in BASES:
        if config[part] is None:
            raise ValueError(f"{part} must be given, for example with --config configs/random_mapping.yaml")
    if sweep is None:
        raise ValueError("sweep must be given, for example configs/sweeps/capacity.yaml")
    notes = [f"sweep: {key} left out, members of a population train to their end" for key in sweep.ignored]
    studies, left_out = grid_studies(options, config, study_name(options.study), task_name(config))
    specifications: dict[str, StudySpecification] = {}
    for study in studies:
        try:
            created = StudySpecification.create(study.config, sweep, study.fixed, options.seed)
        except ValueError as error:
            raise ValueError(f"{study.name}: {error}" if len(studies) > 1 else str(error)) from error
        specifications[study.name] = created[0]
        left_out += created[1]
    if options.storage is None:
        try:
            arguments.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            root = str(arguments.root)
            raise ValueError(f"trainer.default_root_dir must be a writable folder, got {root!r} ({error})") from error
    return specifications, [*notes, *dict.fromkeys(left_out)]


def wanted_trials(arguments: Arguments, study: Study) -> int:
    """Return the trials that a study is to have, and store a number that is larger than any before.

    Without a number on the command line it is the largest that was ever asked for.
    """
    known, given = study.total() or 0, arguments.options.trials
    if given is None and (known or arguments.options.resume):
        return max(known or DEFAULT_TRIALS, len(study.latest.trials))
    wanted = int(given or DEFAULT_TRIALS)
    study.set_total(max(wanted, known))
    return wanted


def worker_timing() -> Timing | None:
    """Read the workers' heartbeat and grace from the environment; None selects the default timing.

    Raises:
        ValueError: If the environment's variable is malformed.
    """
    given = os.environ.get(HEARTBEAT)
    if given is None:
        return None
    try:
        heartbeat, grace = map(float, given.split(","))
        return Timing(heartbeat=heartbeat, grace=grace)
    except ValueError as error:
        raise ValueError(
            f"{HEARTBEAT} must be seconds between heartbeats and a longer grace, such as 60,180; got {given!r}"
        ) from error


def known_names(storage: str) -> list[str]:
    """List the studies in a storage; none if it is yet to be made or cannot be opened, which `Study.open` reports."""
    try:
        return study_names(storage)
    except ValueError:
        return []


def task_name(config: dict[str, dict[str, str]]) -> str:
    """Return the name of a config's task."""
    module, _, name = config["data"]["class_path"].rpartition(".")
    task: type[Task] = getattr(importlib.import_module(module), name)
    return task.name


def study_name(given: str | None) -> str | None:
    """Fill in the environment's `$VARIABLES` in a study's name, which is also the path of its results' folder.

    Raises:
        ValueError: If the name is not a relative path of folders, or a variable is not set.
    """
    if given is None:
        return None
    name = os.path.expandvars(given)
    if "$" in name:
        raise ValueError(f"study must have variables that the environment sets, got {given!r}")
    if not all(is_folder_name(part) for part in name.split("/")) or len(name) > MAX_NAME:
        raise ValueError(f"study must be a name that folders can have, got {given!r}")
    return name
