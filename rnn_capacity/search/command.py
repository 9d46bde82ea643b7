"""The command `rnn-capacity search`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import torch

from rnn_capacity.messages import fail
from rnn_capacity.search.asked import Asked, read_command_line
from rnn_capacity.search.devices import devices_of
from rnn_capacity.search.journal import Journal
from rnn_capacity.search.loggers import loggers_of
from rnn_capacity.search.ongoing import Search
from rnn_capacity.search.opening import begun_searches, storage_of, stored_searches, timing
from rnn_capacity.search.processes import Job, Workers
from rnn_capacity.search.progress import Progress
from rnn_capacity.search.results import show
from rnn_capacity.search.stopping import Stopped, StopRequest
from rnn_capacity.search.watching import Watch
from rnn_capacity.search.worker import work
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
            asked = read_command_line(argv)
            devices = devices_of(asked.machine["accelerator"], asked.machine["devices"])
            loggers = loggers_of(asked.machine["logger"])
            searches, lines = (stored_searches(asked), []) if asked.options.resume else begun_searches(asked)
        except ValueError as error:
            fail(str(error))
        for line in lines:
            print(line, file=sys.stderr)
        journal = Journal(searches, loggers)
        journal.begin()
        try:
            run(asked, searches, devices, journal)
        except Stopped as stopped:
            print(so_far(asked, searches), file=sys.stderr)
            journal.stopped(str(stopped))
            raise SystemExit(exit_code(str(stopped), "search", journal.has_wandb)) from None
        show(searches, Path(asked.root))
        finished = not any(one.missing() for one in searches)
        journal.conclude(finished)
        if not finished:  # all workers died
            fail(so_far(asked, searches), code=1)
    except StorageError as error:
        fail(str(error), code=1)


def run(asked: Asked, searches: list[Search], devices: list[torch.device], journal: Journal) -> None:
    """Run the trials, in this process or in one a device.

    Raises:
        Stopped: If a signal came; unfinished trials are given back.
        StorageError: If the storage fails.
    """
    progress = Progress(searches, shown=asked.machine["enable_progress_bar"] is not False)
    try:
        if len(devices) == 1:
            with StopRequest(says=True) as stop:
                work(searches, devices[0], asked.options.population, Watch(progress, journal, stop))
        else:
            workers = Workers(jobs(asked, searches, devices), searches, progress, journal)
            with StopRequest(at_once=workers.kill, says=True) as stop:
                workers.run(stop)
        for one in searches:
            progress.look(one, now=True)
    finally:
        progress.close()
        journal.save()


def jobs(asked: Asked, searches: list[Search], devices: list[torch.device]) -> list[Job]:
    """What each device's worker is to do; those of one CPU share its cores."""
    threads = max(1, torch.get_num_threads() // len(devices)) if devices[0].type == "cpu" else None
    names, totals = tuple(one.study.name for one in searches), tuple(one.total for one in searches)
    storage, population = storage_of(asked), asked.options.population
    return [Job(storage, names, totals, population, device, threads, timing()) for device in devices]


def so_far(asked: Asked, searches: list[Search]) -> str:
    """How many trials are finished, and how to go on."""
    finished = sum(min(len(one.study.snapshot().finished), one.total) for one in searches)
    total = sum(one.total for one in searches)
    hint = ", with the password in the place of ***" if ":***@" in hide_password(storage_of(asked)) else ""
    hint += ", with --trainer.logger as before" if asked.machine["logger"] else ""
    return f"{finished} of {total} trials are finished; go on{hint}: {shlex.join(again(asked, searches))}"


def again(asked: Asked, searches: list[Search]) -> list[str]:
    """The command line that goes on, without a password."""
    names = [one.study.name for one in searches]
    common = names[0] if len(names) == 1 else names[0].rpartition("/")[0]
    line = ["rnn-capacity", "search", "--resume", "--study", common, "--storage", hide_password(storage_of(asked))]
    totals = {one.total for one in searches}
    if len(totals) == 1:  # otherwise each study has its own in the storage
        line += ["--trials", str(*totals)]
    line += ["--population", str(asked.options.population)]
    for name in asked.unusual:
        if name in KEPT:
            line += [f"--trainer.{name}", str(asked.machine[name])]
    return line


KEPT = ("accelerator", "devices", "default_root_dir")
"""The trainer's options that the next command has, too."""
