"""Runs the command `rnn-capacity search`: opens the studies, trains the trials, and prints a summary."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress

import torch
import yaml

from rnn_capacity.files import make_folder
from rnn_capacity.messages import fail
from rnn_capacity.published_runs import read_published
from rnn_capacity.search.arguments import DEFAULT_TRIALS, Arguments, read_command_line
from rnn_capacity.search.begin_from import enqueue_published
from rnn_capacity.search.results.progress import Progress
from rnn_capacity.search.results.search_logger import SearchLogger, make_loggers
from rnn_capacity.search.results.summary import print_summary
from rnn_capacity.search.run.devices import select_devices
from rnn_capacity.search.run.stopping import Stopped, StopRequest, WorkerFailedError
from rnn_capacity.search.run.study_runner import StudyRunner, run_worker
from rnn_capacity.search.run.worker_processes import WorkerJob, WorkerProcesses
from rnn_capacity.search.space.sweep_file import Sweep
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.search.study_grid import grid_specifications, study_name
from rnn_capacity.signals import exit_code
from rnn_capacity.studies import StorageError, Study, Timing, hide_password, study_names
from rnn_capacity.wandb_runs import wandb_loggers

HEARTBEAT = "RNN_CAPACITY_HEARTBEAT"
"""Environment variable with a worker's heartbeat interval and grace period in seconds, such as 60,180."""

REPEATED = ("accelerator", "devices", "default_root_dir")
"""Names of the `--trainer` options that the printed resume command repeats."""


def search(argv: list[str]) -> None:
    """Run the command `rnn-capacity search`.

    Args:
        argv: Its options.

    Raises:
        SystemExit: After one line: with 2 if an option is wrong, before anything is written or logged; with 1 if the
            storage failed or no worker is left; after a signal with the signal's code.
    """
    try:
        try:
            arguments = read_command_line(argv)
            if arguments.options.print_sweep:
                print_sweep(arguments.sweep)
                return
            # W&B stores the command line
            sys.argv = [word.replace(arguments.storage, hide_password(arguments.storage)) for word in sys.argv]
            devices = select_devices(arguments.trainer["accelerator"], arguments.trainer["devices"])
            loggers = make_loggers(arguments.trainer["logger"])
            begin_from = arguments.options.begin_from
            published = [] if begin_from is None else read_published(begin_from, "begin_from")
            studies, notes = (resume_studies if arguments.options.resume else create_studies)(arguments)
            if begin_from is not None:
                notes = [*notes, *enqueue_published(studies, published)]
        except ValueError as error:
            fail(str(error))
        for line in notes:
            print(line, file=sys.stderr)
        logger = SearchLogger(studies, loggers)
        logger.begin()
        try:
            run(arguments, studies, devices, logger)
        except Stopped as stopped:
            print(interruption(arguments, studies), file=sys.stderr)
            logger.stop(str(stopped))
            raise SystemExit(exit_code(str(stopped), "search", bool(wandb_loggers(loggers)))) from None
        except WorkerFailedError as error:
            logger.finish(complete=False)
            fail(f"{error}; {interruption(arguments, studies)}", code=1)
        print_summary(studies, arguments.root)
        complete = not any(study.missing for study in studies)
        logger.finish(complete)
        if not complete:  # all workers died
            fail(interruption(arguments, studies), code=1)
    except StorageError as error:
        fail(str(error), code=1)


def print_sweep(sweep: Sweep | None) -> None:
    """Print a sweep file as YAML, merged with the file that its `extends` key names.

    Raises:
        ValueError: If no sweep file is given.
    """
    if sweep is None:
        raise ValueError("sweep must be given with --print_sweep")
    print(yaml.safe_dump(sweep.file, sort_keys=False), end="")


def resume_studies(arguments: Arguments) -> tuple[list[StudyRunner], list[str]]:
    """Open the stored study named by `--study`, or all studies of the grid of that name, for `--resume`.

    Returns:
        The studies, and no lines.

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
    ], []


def create_studies(arguments: Arguments) -> tuple[list[StudyRunner], list[str]]:
    """Check the config, sweep file and grid of a command line, then create or open its studies in the storage.

    Returns:
        The studies, and a line for each thing that the command line asks for and that is left out.

    Raises:
        ValueError: If config, sweep and grid do not fit together, an existing study has another specification, or the
            results' folder cannot be made.
    """
    specifications, notes = grid_specifications(arguments)
    if arguments.options.storage is None:
        make_folder("trainer.default_root_dir", arguments.root)
    timing = worker_timing()
    existing: list[str] = []
    with suppress(ValueError):  # the storage is yet to be made, or cannot be opened, which `Study.open` reports
        existing = study_names(arguments.storage)
    studies: dict[str, Study] = {}
    # existing ones first, so that a difference is found before any is made
    for name in sorted(specifications, key=lambda name: name not in existing):
        content, goal = specifications[name].to_json(), specifications[name].objective.goal
        studies[name] = Study.open(arguments.storage, name, specification=content, goal=goal, timing=timing)
    return [
        StudyRunner(studies[name], specification, wanted_trials(arguments, studies[name]))
        for name, specification in specifications.items()
    ], notes


def wanted_trials(arguments: Arguments, study: Study) -> int:
    """Return the number of finished trials that a study should reach, and store it if it exceeds the stored one.

    Without a number on the command line it is the largest that was ever asked for.
    """
    known, given = study.total() or 0, arguments.options.trials
    if given is None and (known or arguments.options.resume):
        return max(known or DEFAULT_TRIALS, len(study.latest.trials))
    wanted = int(given or DEFAULT_TRIALS)
    study.set_total(max(wanted, known))
    return wanted


def worker_timing() -> Timing | None:
    """Read the workers' heartbeat interval and grace period from RNN_CAPACITY_HEARTBEAT; None if it is not set.

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


def run(arguments: Arguments, studies: list[StudyRunner], devices: list[torch.device], logger: SearchLogger) -> None:
    """Run all trials of the studies: in this process on one device, or in one worker process per device.

    Raises:
        Stopped: If a signal came; unfinished trials are given back.
        StorageError: If the storage fails.
    """
    progress = Progress(studies, logger, shown=arguments.trainer["enable_progress_bar"] is not False)
    try:
        try:
            if len(devices) == 1:
                with StopRequest(prints=True) as stop:
                    run_worker(studies, devices[0], arguments.options.population, progress, stop)
            else:
                workers = WorkerProcesses(worker_jobs(arguments, studies, devices), studies, progress)
                with StopRequest(before_exit=workers.kill, prints=True) as stop:
                    workers.run(stop)
        except Stopped:
            for study in studies:
                study.refresh()
            raise
        for study in studies:
            study.refresh()
            progress.show(study)
    finally:
        progress.close()
        logger.save()


def worker_jobs(arguments: Arguments, studies: list[StudyRunner], devices: list[torch.device]) -> list[WorkerJob]:
    """Make one `WorkerJob` per device, dividing torch's threads evenly among workers on the CPU."""
    threads = max(1, torch.get_num_threads() // len(devices)) if devices[0].type == "cpu" else None
    trials = {study.name: study.total for study in studies}
    storage, population = arguments.storage, arguments.options.population
    return [WorkerJob(storage, trials, population, device, threads, worker_timing()) for device in devices]


def interruption(arguments: Arguments, studies: list[StudyRunner]) -> str:
    """Format the message of an interrupted search: the number of finished trials and the resume command."""
    finished, total = sum(study.finished for study in studies), sum(study.total for study in studies)
    hint = ", with the password in the place of ***" if ":***@" in hide_password(arguments.storage) else ""
    hint += ", with --trainer.logger as before" if arguments.trainer["logger"] else ""
    return f"{finished} of {total} trials are finished; go on{hint}: {shlex.join(resume_command(arguments, studies))}"


def resume_command(arguments: Arguments, studies: list[StudyRunner]) -> list[str]:
    """Make the command that resumes the search, without a password."""
    common = studies[0].name if len(studies) == 1 else studies[0].name.rpartition("/")[0]
    if arguments.options.resume:  # the name may be that of several grids
        common = study_name(arguments.options.study) or common
    command = ["rnn-capacity", "search", "--resume", "--study", common, "--storage", hide_password(arguments.storage)]
    totals = {study.total for study in studies}
    if len(totals) == 1:  # otherwise the storage has a number for each study
        command += ["--trials", str(*totals)]
    command += ["--population", str(arguments.options.population)]
    for name in REPEATED:
        if name in arguments.changed:
            command += [f"--trainer.{name}", str(arguments.trainer[name])]
    return command
