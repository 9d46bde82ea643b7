"""The command `rnn-capacity search`."""

from __future__ import annotations

import shlex
import sys

import torch
import yaml

from rnn_capacity.messages import fail
from rnn_capacity.search.arguments import Arguments, read_command_line
from rnn_capacity.search.open_studies import open_studies, worker_timing
from rnn_capacity.search.results.monitor import Monitor
from rnn_capacity.search.results.progress import Progress
from rnn_capacity.search.results.search_logger import SearchLogger, make_loggers
from rnn_capacity.search.results.summary import print_summary
from rnn_capacity.search.run.devices import select_devices
from rnn_capacity.search.run.stopping import Stopped, StopRequest, WorkerFailedError
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.run.worker import run_worker
from rnn_capacity.search.run.worker_processes import WorkerJob, WorkerProcesses
from rnn_capacity.search.space.sweep_file import Sweep
from rnn_capacity.signals import exit_code
from rnn_capacity.studies import StorageError, hide_password

REPEATED = ("accelerator", "devices", "default_root_dir")
"""The trainer's options that the command that resumes a search repeats."""


def search(argv: list[str]) -> None:
    """Run the command.

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
            studies, notes = open_studies(arguments)
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
            raise SystemExit(exit_code(str(stopped), "search", logger.has_wandb)) from None
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
    """Print a sweep file with the keys of the file that it extends.

    Raises:
        ValueError: If there is none.
    """
    if sweep is None:
        raise ValueError("sweep must be given with --print_sweep")
    print(yaml.safe_dump(sweep.file, sort_keys=False), end="")


def run(arguments: Arguments, studies: list[StudyRunner], devices: list[torch.device], logger: SearchLogger) -> None:
    """Run the trials, on one device in this process, on several in a process for each.

    Raises:
        Stopped: If a signal came; unfinished trials are given back.
        StorageError: If the storage fails.
    """
    progress = Progress(studies, shown=arguments.trainer["enable_progress_bar"] is not False)
    monitor = Monitor(progress, logger)
    try:
        try:
            if len(devices) == 1:
                with StopRequest(prints=True) as stop:
                    run_worker(studies, devices[0], arguments.options.population, monitor, stop)
            else:
                workers = WorkerProcesses(worker_jobs(arguments, studies, devices), studies, monitor)
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
    """Make the job of each device's worker; workers on one CPU share its cores."""
    threads = max(1, torch.get_num_threads() // len(devices)) if devices[0].type == "cpu" else None
    trials = {study.name: study.total for study in studies}
    storage, population = arguments.storage, arguments.options.population
    return [WorkerJob(storage, trials, population, device, threads, worker_timing()) for device in devices]


def interruption(arguments: Arguments, studies: list[StudyRunner]) -> str:
    """Write how many trials are finished, and the command that resumes the search."""
    finished, total = sum(study.finished for study in studies), sum(study.total for study in studies)
    hint = ", with the password in the place of ***" if ":***@" in hide_password(arguments.storage) else ""
    hint += ", with --trainer.logger as before" if arguments.trainer["logger"] else ""
    return f"{finished} of {total} trials are finished; go on{hint}: {shlex.join(resume_command(arguments, studies))}"


def resume_command(arguments: Arguments, studies: list[StudyRunner]) -> list[str]:
    """Make the command that resumes the search, without a password."""
    common = studies[0].name if len(studies) == 1 else studies[0].name.rpartition("/")[0]
    command = ["rnn-capacity", "search", "--resume", "--study", common, "--storage", hide_password(arguments.storage)]
    totals = {study.total for study in studies}
    if len(totals) == 1:  # otherwise the storage has a number for each study
        command += ["--trials", str(*totals)]
    command += ["--population", str(arguments.options.population)]
    for name in REPEATED:
        if name in arguments.changed:
            command += [f"--trainer.{name}", str(arguments.trainer[name])]
    return command
