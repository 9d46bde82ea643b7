"""The command `rnn-capacity search`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import torch

from rnn_capacity.messages import fail
from rnn_capacity.search.arguments import Arguments, read_command_line
from rnn_capacity.search.open_studies import begun_searches, storage_of, stored_searches, timing
from rnn_capacity.search.results.loggers import loggers_of
from rnn_capacity.search.results.monitor import Monitor
from rnn_capacity.search.results.progress import Progress
from rnn_capacity.search.results.search_logger import SearchLogger
from rnn_capacity.search.results.summary import show
from rnn_capacity.search.run.devices import devices_of
from rnn_capacity.search.run.stopping import Stopped, StopRequest
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.run.worker import work
from rnn_capacity.search.run.worker_processes import WorkerJob, Workers
from rnn_capacity.signals import exit_code
from rnn_capacity.studies import StorageError, hide_password


def search(argv: list[str]) -> None:
    """Run the command.

    Args:
        argv: Its options.

    Raises:
        SystemExit: With 2 if an option is wrong, before anything is written or logged; with 1 if the storage failed or
            no worker is left; after a signal with the signal's code. All after one line that says so.
    """
    try:
        try:
            arguments = read_command_line(argv)
            devices = devices_of(arguments.machine["accelerator"], arguments.machine["devices"])
            loggers = loggers_of(arguments.machine["logger"])
            searches, lines = (
                (stored_searches(arguments), []) if arguments.options.resume else begun_searches(arguments)
            )
        except ValueError as error:
            fail(str(error))
        for line in lines:
            print(line, file=sys.stderr)
        journal = SearchLogger(searches, loggers)
        journal.begin()
        try:
            run(arguments, searches, devices, journal)
        except Stopped as stopped:
            print(so_far(arguments, searches), file=sys.stderr)
            journal.stopped(str(stopped))
            raise SystemExit(exit_code(str(stopped), "search", journal.has_wandb)) from None
        show(searches, Path(arguments.root))
        finished = not any(one.missing() for one in searches)
        journal.conclude(finished)
        if not finished:  # all workers died
            fail(so_far(arguments, searches), code=1)
    except StorageError as error:
        fail(str(error), code=1)


def run(arguments: Arguments, searches: list[StudyRunner], devices: list[torch.device], journal: SearchLogger) -> None:
    """Run the trials, in this process or in one a device.

    Raises:
        Stopped: If a signal came; unfinished trials are given back.
        StorageError: If the storage fails.
    """
    progress = Progress(searches, shown=arguments.machine["enable_progress_bar"] is not False)
    try:
        if len(devices) == 1:
            with StopRequest(says=True) as stop:
                work(searches, devices[0], arguments.options.population, Monitor(progress, journal, stop))
        else:
            workers = Workers(jobs(arguments, searches, devices), searches, progress, journal)
            with StopRequest(at_once=workers.kill, says=True) as stop:
                workers.run(stop)
        for one in searches:
            progress.look(one, now=True)
    finally:
        progress.close()
        journal.save()


def jobs(arguments: Arguments, searches: list[StudyRunner], devices: list[torch.device]) -> list[WorkerJob]:
    """What each device's worker is to do; those of one CPU share its cores."""
    threads = max(1, torch.get_num_threads() // len(devices)) if devices[0].type == "cpu" else None
    names, totals = tuple(one.study.name for one in searches), tuple(one.total for one in searches)
    storage, population = storage_of(arguments), arguments.options.population
    return [WorkerJob(storage, names, totals, population, device, threads, timing()) for device in devices]


def so_far(arguments: Arguments, searches: list[StudyRunner]) -> str:
    """How many trials are finished, and how to go on."""
    finished = sum(min(len(one.study.snapshot().finished), one.total) for one in searches)
    total = sum(one.total for one in searches)
    hint = ", with the password in the place of ***" if ":***@" in hide_password(storage_of(arguments)) else ""
    hint += ", with --trainer.logger as before" if arguments.machine["logger"] else ""
    return f"{finished} of {total} trials are finished; go on{hint}: {shlex.join(again(arguments, searches))}"


def again(arguments: Arguments, searches: list[StudyRunner]) -> list[str]:
    """The command line that goes on, without a password."""
    names = [one.study.name for one in searches]
    common = names[0] if len(names) == 1 else names[0].rpartition("/")[0]
    line = ["rnn-capacity", "search", "--resume", "--study", common, "--storage", hide_password(storage_of(arguments))]
    totals = {one.total for one in searches}
    if len(totals) == 1:  # otherwise each study has its own in the storage
        line += ["--trials", str(*totals)]
    line += ["--population", str(arguments.options.population)]
    for name in arguments.unusual:
        if name in KEPT:
            line += [f"--trainer.{name}", str(arguments.machine[name])]
    return line


KEPT = ("accelerator", "devices", "default_root_dir")
"""The trainer's options that the next command has, too."""
