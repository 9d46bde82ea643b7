"""One worker process for each device, and the parent process that watches them."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

import torch
from optuna.trial import FrozenTrial

from rnn_capacity.messages import settle_warnings
from rnn_capacity.search.run.events import Events
from rnn_capacity.search.run.stopping import Stopped, StopRequest, WorkerFailedError
from rnn_capacity.search.run.study_runner import StudyRunner, run_worker
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import StorageError, Study, Timing

STOP_SECONDS = 10.0
"""Seconds that a worker process has to exit, after it was told to stop, before it is killed."""

START_METHOD = "spawn"
"""Multiprocessing start method of worker processes; CUDA does not work in forked ones."""

MESSAGE_SECONDS = 0.2
"""Minimum number of seconds between two step-count messages of a worker process to its parent."""


@dataclass(frozen=True)
class WorkerJob:
    """The studies, device and settings that a worker process is started with."""

    storage: str = field(repr=False)  # it may contain a password
    trials: dict[str, int]
    population: int
    device: torch.device
    threads: int | None
    timing: Timing | None


class ParentStop(StopRequest):
    """Ends a worker's process after a signal, at the parent's word, or when the parent is gone.

    Args:
        pipe: The pipe to the parent.
    """

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self.pipe = pipe

    def check(self) -> None:
        """Raise `Stopped` if a signal was recorded, the parent sent a message, or the parent has died."""
        super().check()
        parent = parent_process()
        if (parent is not None and not parent.is_alive()) or self.pipe.poll():
            raise Stopped


class PipeEvents:
    """Sends a worker's events to the parent process.

    Args:
        pipe: The pipe to the parent.
    """

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.sent = 0.0

    def begin(self, study: StudyRunner, members: int, steps: int) -> None:
        """Send the parent the event that networks of a study start training."""
        self.send("begin", study.name, members, steps)

    def steps(self, made: int) -> None:
        """Send the parent the number of optimizer steps made, at most once per `MESSAGE_SECONDS`."""
        if time.monotonic() - self.sent > MESSAGE_SECONDS:
            self.sent = time.monotonic()
            self.send("steps", made)

    def result(self, study: StudyRunner, trial: FrozenTrial) -> None:
        """Send the parent a finished trial."""
        self.send("result", study.name, trial)

    def say(self, line: str) -> None:
        """Send the parent a line of text to display."""
        self.send("say", line)

    def send(self, *message: Any) -> None:
        """Send a message to the parent, ignoring a broken pipe, which `ParentStop` detects."""
        with suppress(OSError):
            self.pipe.send(message)


def worker_process(job: WorkerJob, pipe: Connection) -> None:
    """Open the studies of a job and run their trials; the main function of a worker process.

    Raises:
        SystemExit: With 1 after an error, which the parent shows.
    """
    settle_warnings()
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    with ParentStop(pipe) as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's
        events = PipeEvents(pipe)
        try:
            stored = [(Study.open(job.storage, name, timing=job.timing), total) for name, total in job.trials.items()]
            studies = [
                StudyRunner(study, StudySpecification.from_json(study.specification), total) for study, total in stored
            ]
            run_worker(studies, job.device, job.population, events, stop)
        except Stopped:
            sys.exit(0)
        except (StorageError, WorkerFailedError) as error:
            events.say(str(error))
            sys.exit(1)
        except Exception as error:
            events.say("".join(traceback.format_exception(error)).rstrip())
            sys.exit(1)


class WorkerProcesses:
    """Starts, monitors and stops the worker processes of a search from the parent process.

    Args:
        jobs: One for each process.
        studies: The studies, as this process reads them.
        events: Receives the events of all workers; of their steps the first worker's, since all are about as fast.
    """

    def __init__(self, jobs: list[WorkerJob], studies: list[StudyRunner], events: Events) -> None:
        self.jobs = jobs
        self.studies = {study.name: study for study in studies}
        self.events = events
        self.processes: list[BaseProcess] = []
        self.pipes: list[Connection] = []

    def run(self, stop: StopRequest) -> None:
        """Start all worker processes and wait until they have ended, even if one of them dies.

        Raises:
            Stopped: If a signal came, once all workers have given their trials back.
        """
        self._start()
        try:
            self._relay(stop)
        finally:  # all have ended, unless the storage failed here
            self._send_stop(self.pipes)
            for process in self.processes:
                process.join(STOP_SECONDS)
            self.kill()
        stop.check()

    def _start(self) -> None:
        context: Any = get_context(START_METHOD)
        ours = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: a Ctrl-C must not end a worker that starts
        try:
            for job in self.jobs:
                here, there = context.Pipe()
                process = context.Process(target=worker_process, args=(job, there), daemon=True)
                process.start()
                there.close()
                self.processes.append(process)
                self.pipes.append(here)
        finally:
            signal.signal(signal.SIGINT, ours)

    def _relay(self, stop: StopRequest) -> None:
        """Pass the workers' events on until all workers have ended, and send them a stop message after a signal."""
        told = False
        indices = {pipe: index for index, pipe in enumerate(self.pipes)}
        while indices:
            for pipe in cast(list[Connection], wait(list(indices), timeout=0.5)):
                try:
                    self._pass_on(indices[pipe], *pipe.recv())
                except (EOFError, OSError):
                    self._ended(indices.pop(pipe), told)
            if stop.received is not None and not told:
                told = True
                self._send_stop(indices)

    def _pass_on(self, worker: int, event: str, *arguments: Any) -> None:
        if event in ("begin", "result"):
            arguments = (self.studies[arguments[0]], *arguments[1:])
        if worker == 0 or event in ("result", "say"):
            getattr(self.events, event)(*arguments)

    def _send_stop(self, pipes: Iterable[Connection]) -> None:
        for pipe in pipes:
            with suppress(OSError):
                pipe.send("stop")

    def _ended(self, worker: int, expected: bool) -> None:
        process, device = self.processes[worker], self.jobs[worker].device
        process.join()
        if process.exitcode and not expected:
            how = f"ended with exit code {process.exitcode}; another worker will run its trials again"
            self.events.say(f"worker {worker} on {device} {how}")

    def kill(self) -> None:
        """End every worker at once."""
        for process in self.processes:
            process.kill()
