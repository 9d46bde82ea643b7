"""Several workers of one search, a process each, and the process that looks after them."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

import torch
from optuna.trial import FrozenTrial

from rnn_capacity.messages import settle_warnings
from rnn_capacity.search.results.progress import Progress
from rnn_capacity.search.results.search_logger import SearchLogger
from rnn_capacity.search.run.stopping import Stopped, StopRequest
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.run.worker import work
from rnn_capacity.studies import StorageError, Study, Timing

STOP_WITHIN = 10.0
"""Seconds that a worker has to end where this process cannot go on."""

START = "spawn"
"""How a worker's process begins: a fork would share CUDA."""

TELL_EVERY = 0.2
"""Seconds between two messages of a worker about its steps."""


@dataclass(frozen=True)
class WorkerJob:
    """What a worker is to do, as its process gets it."""

    storage: str
    studies: tuple[str, ...]
    trials: tuple[int, ...]
    population: int
    device: torch.device
    threads: int | None
    timing: Timing | None


class PipeListener:
    """Looks on in a worker's process: tells the parent, and ends when it says so, or is gone.

    Args:
        line: To the parent, both ways.
        stop: The signals to this process alone.
        studies: The names of the studies.
    """

    def __init__(self, line: Connection, stop: StopRequest, studies: tuple[str, ...]) -> None:
        self.line = line
        self.stop = stop
        self.studies = studies
        self.told = 0.0

    def check(self) -> None:
        """End here if this process or the parent is to end."""
        self.stop.check()
        parent = parent_process()
        if (parent is not None and not parent.is_alive()) or self.line.poll():
            raise Stopped

    def begin(self, search: StudyRunner, members: int, steps: int) -> None:
        """Members of a study begin."""
        self.tell("begin", self.studies.index(search.study.name), members, steps)

    def steps(self, made: int) -> None:
        """They have made steps."""
        self.check()
        if time.monotonic() - self.told > TELL_EVERY:
            self.told = time.monotonic()
            self.tell("steps", made)

    def result(self, search: StudyRunner, trial: FrozenTrial) -> None:
        """A trial is done."""
        self.tell("result", self.studies.index(search.study.name), trial)

    def say(self, line: str) -> None:
        """Let the parent show a line."""
        self.tell("say", line)

    def tell(self, *message: Any) -> None:
        """Send a message; a parent that is gone is noticed by `check`."""
        with suppress(OSError):
            self.line.send(message)


def run_worker(job: WorkerJob, line: Connection) -> None:
    """A worker's process.

    Raises:
        SystemExit: With 1 after an error, which the parent shows.
    """
    settle_warnings()
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    with StopRequest() as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's
        messenger = PipeListener(line, stop, job.studies)
        try:
            searches = [
                StudyRunner(Study.open(job.storage, name, timing=job.timing), trials)
                for name, trials in zip(job.studies, job.trials, strict=True)
            ]
            work(searches, job.device, job.population, messenger)
        except Stopped:
            sys.exit(0)
        except StorageError as error:
            messenger.say(str(error))
            sys.exit(1)
        except Exception as error:
            messenger.say("".join(traceback.format_exception(error)).rstrip())
            sys.exit(1)


class Workers:
    """The processes of a search's workers.

    Args:
        jobs: One a worker.
        searches: The studies, as this process looks at them.
        progress: Where they are shown; of the workers' steps, the first one's.
        journal: Where their results are logged.
    """

    def __init__(
        self, jobs: list[WorkerJob], searches: list[StudyRunner], progress: Progress, journal: SearchLogger
    ) -> None:
        self.jobs = jobs
        self.searches = searches
        self.progress = progress
        self.journal = journal
        self.processes: list[BaseProcess] = []
        self.lines: list[Connection] = []

    def run(self, stop: StopRequest) -> None:
        """Start the workers and look after them until all have ended; one that dies leaves the others.

        Raises:
            Stopped: If a signal came, once all workers have given their trials back.
        """
        self._start()
        try:
            self._look_after(stop)
        finally:  # all have ended, unless the storage failed here
            self._tell_to_stop(self.lines)
            for process in self.processes:
                process.join(STOP_WITHIN)
            self.kill()
        stop.check()

    def _look_after(self, stop: StopRequest) -> None:
        told = False
        lines = dict(zip(self.lines, range(len(self.lines)), strict=True))
        while lines:
            for line in cast(list[Connection], wait(list(lines), timeout=0.5)):
                try:
                    self._hear(lines[line], *line.recv())
                except (EOFError, OSError):
                    self._ended(lines.pop(line), told)
            if stop.received is not None and not told:
                told = True
                self._tell_to_stop(lines)

    def _tell_to_stop(self, lines: Iterable[Connection]) -> None:
        for line in lines:
            with suppress(OSError):
                line.send("stop")

    def _start(self) -> None:
        context: Any = get_context(START)
        ours = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: a Ctrl-C must not end a worker that starts
        try:
            for job in self.jobs:
                here, there = context.Pipe()
                process = context.Process(target=run_worker, args=(job, there), daemon=True)
                process.start()
                there.close()
                self.processes.append(process)
                self.lines.append(here)
        finally:
            signal.signal(signal.SIGINT, ours)

    def _hear(self, place: int, kind: str, *message: Any) -> None:
        if kind == "say":
            self.progress.say(*message)
        elif kind == "steps":
            if place == 0:  # one bar: all are about as fast
                self.progress.steps(*message)
        else:
            search = self.searches[message[0]]
            if kind == "result":
                self.journal.result(search, *message[1:])
            elif place == 0:
                self.progress.begin(search, *message[1:])
            self.progress.look(search, now=kind == "begin")

    def _ended(self, place: int, expected: bool) -> None:
        process, job = self.processes[place], self.jobs[place]
        process.join()
        if process.exitcode and not expected:
            self.progress.say(
                f"worker {place} on {job.device} ended with {process.exitcode}; the others go on, and run its trials"
            )

    def kill(self) -> None:
        """End every worker at once."""
        for process in self.processes:
            process.kill()
