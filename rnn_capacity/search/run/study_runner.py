"""The loop of a search worker: claim trials of a study, train their networks together, and store the results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from optuna.trial import FrozenTrial
from pytorch_lightning.utilities.exceptions import SIGTERMException

from rnn_capacity.population import Member, Result, quiet_trainer, train
from rnn_capacity.search.run.events import Events
from rnn_capacity.search.run.stopping import Stopped, StopRequest, WorkerFailedError
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.space.parameter_names import format_values
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import Snapshot, StorageError, Study, failures, retries_exhausted

POLL = 1.0
"""Seconds between two reads of the storage by a worker that finds no trial to claim."""

MAX_REASON = 300
"""Maximum length in characters of an error message that is stored with a trial."""

MAX_IN_A_ROW = 5
"""Number of consecutive trials that fail for lack of memory, device or disk after which a worker stops."""


def run_worker(
    studies: list[StudyRunner], device: torch.device, population: int, events: Events, stop: StopRequest
) -> None:
    """Run trials until every study has its total of finished trials.

    The studies are run in their order. Where other workers run the rest of one, this worker goes on with the next;
    where they run the rest of all, it waits: a worker may die, and its trials are then claimed here. Each round reads a
    study once.

    Args:
        studies: The studies.
        device: Where the networks are trained.
        population: Trials that train at once.
        events: Receives what happens.
        stop: Ends the loop after a signal.

    Raises:
        Stopped: If a signal came.
        StorageError: If the storage fails.
    """
    left = list(studies)
    while left:
        stop.check()
        for study in left:
            study.refresh()
            if trials := study.claim(population):
                study.run(trials, device, events, stop)
                break
        else:
            left = [study for study in left if study.missing]
            until = time.monotonic() + POLL
            while left and time.monotonic() < until:
                stop.check()
                time.sleep(0.1)


class StudyRunner:
    """Runs the trials of one study on a device.

    Args:
        study: The study in the storage.
        specification: The study's specification.
        trials: Finished trials that the study is to have; a grid or the sweep's run_cap may allow fewer.
    """

    def __init__(self, study: Study, specification: StudySpecification, trials: int) -> None:
        self.study = study
        self.name = study.name
        self.specification = specification
        self.objective = specification.objective
        sweep = specification.sweep
        self.sampler = Sampler(specification.space, sweep.method, self.objective.goal, specification.seed)
        limits = (trials, sweep.run_cap, self.sampler.grid_size)
        self.total = min(limit for limit in limits if limit is not None)
        self._in_events = False
        self._failures_in_a_row = 0

    @property
    def snapshot(self) -> Snapshot:
        """The study's trials as they were last read from the storage."""
        return self.study.latest

    def refresh(self) -> None:
        """Read the study's trials from the storage."""
        self.study.snapshot()

    @property
    def finished(self) -> int:
        """Number of finished trials; those beyond the total do not count."""
        return min(len(self.snapshot.finished), self.total)

    @property
    def infeasible_share(self) -> float:
        """Fraction of the finished trials that are infeasible: diverged in training, or impossible to train."""
        return len(self.snapshot.infeasible) / max(1, len(self.snapshot.finished))

    @property
    def missing(self) -> int:
        """Number of trials left to finish, or 0 once a trial has reached the sweep's `metric.target`."""
        metric = self.specification.sweep.metric
        best = self.snapshot.best(1) if metric is not None and metric.target is not None else []
        if metric is not None and any(trial.value is not None and metric.reached(trial.value) for trial in best):
            return 0
        return self.total - self.finished

    def claim(self, count: int) -> list[FrozenTrial]:
        """Claim trials of the study for this worker, queued ones or new ones proposed by the sampler.

        Args:
            count: Maximum number of trials.

        Returns:
            The trials; none if all are finished, or other workers run the rest.
        """
        return self.study.claim(count, self.total, self.sampler, self.snapshot) if self.missing else []

    def values(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return the values of a trial's searched hyperparameters by their dotted names."""
        space = self.specification.space
        values = space.values(trial.params)
        return {name: values[name] for name in space.searched}

    def run(self, trials: list[FrozenTrial], device: torch.device, events: Events, stop: StopRequest) -> None:
        """Train the networks of claimed trials and store each result as soon as it is known.

        A trial whose values a constructor rejects, or whose retries are exhausted, is finished as infeasible with the
        baseline's metrics, so that the sampler avoids such points. Whatever ends the training early, trials without a
        result are given back; an error counts as their failure unless `events` raised it.

        Args:
            trials: The trials.
            device: Where they are trained.
            events: Receives what happens.
            stop: Ends the training after a signal.

        Raises:
            Stopped: If a signal came.
            StorageError: If the storage fails.
            WorkerFailedError: If this worker is the reason that trials cannot be created.
        """
        with self.study.alive(), self._given_back(trials):
            ready: list[FrozenTrial] = []
            members: list[Member] = []
            for trial in trials:
                stop.check()
                if (member := self._build(trial, events)) is not None:
                    ready.append(trial)
                    members.append(member)
            stop.check()
            if members:
                self._train(ready, members, device, events, stop)

    @contextmanager
    def _given_back(self, trials: list[FrozenTrial]) -> Iterator[None]:
        """Return unfinished trials to the study's queue if the body of the context raises an exception."""
        self._in_events = False
        try:
            yield
        except StorageError:  # nothing can be given back; others take the trials when the grace is over
            raise
        except Exception as error:
            caused = not (self._in_events or isinstance(error, (Stopped, WorkerFailedError)))
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:MAX_REASON]
            self.study.give_back(trials, reason if caused else None)
            raise
        except BaseException:
            self.study.give_back(trials)
            raise

    def _build(self, trial: FrozenTrial, events: Events) -> Member | None:
        """Build a trial's network and task, or finish the trial as infeasible and return None if that is impossible."""
        if retries_exhausted(trial):
            key, reason = "failed", f"{len(failures(trial))} workers ended: {failures(trial)[-1]}"
        else:
            try:
                member = self.specification.builder(self.specification.space.values(trial.params))
                self._failures_in_a_row = 0
                return member
            except ValueError as error:
                self._check_worker(error)
                key, reason = "refused", str(error)
        line = f"{self.name}: trial {trial.number} {key}: {reason} ({format_values(self.values(trial))})"
        self._report(events.say, line)
        self._finish(trial, {**self.objective.baseline, "feasible": False, key: reason}, events)
        return None

    def _check_worker(self, refusal: ValueError) -> None:
        """Raise `WorkerFailedError` if a trial could not be created because of this worker, not its hyperparameters.

        Raises:
            WorkerFailedError: If the network that was possible at the study's start is not, or if memory, device or
                disk failed for several trials one after another.
        """
        try:
            self.specification.example()
        except ValueError as error:
            raise WorkerFailedError(f"{self.name}: this worker can create no network: {error}") from error
        of_worker = isinstance(refusal.__cause__, (MemoryError, OSError, RuntimeError))
        self._failures_in_a_row = self._failures_in_a_row + 1 if of_worker else 0
        if self._failures_in_a_row == MAX_IN_A_ROW:
            raise WorkerFailedError(f"{self.name}: {MAX_IN_A_ROW} trials one after another failed here: {refusal}")

    def _train(
        self, trials: list[FrozenTrial], members: list[Member], device: torch.device, events: Events, stop: StopRequest
    ) -> None:
        self._report(events.begin, self, len(members), max(member.max_steps for member in members))

        def on_result(index: int, result: Result) -> None:
            self._finish(trials[index], result, events)

        def on_call(steps: int) -> None:
            stop.check()
            self._report(events.steps, steps)

        precision = "64-true" if next(members[0].module.parameters()).dtype == torch.float64 else "32-true"
        devices = 1 if device.index is None else [device.index]
        trainer = quiet_trainer(accelerator=device.type, devices=devices, precision=precision)
        try:
            train(members, trainer, on_result=on_result, on_call=on_call)
        except SIGTERMException:  # Lightning's own end, where the signal came after the last check
            stop.check()
            raise

    def _finish(self, trial: FrozenTrial, result: Result, events: Events) -> None:
        value, feasible = self.objective.value(result)
        done = self.study.finish(trial, value, feasible, {**result, "feasible": feasible}, self.values(trial))
        if done is not None:
            self._report(events.result, self, done)

    def _report(self, event: Callable[..., None], *arguments: Any) -> None:
        """Call a method of `Events`, marking exceptions that it raises as not caused by a trial."""
        self._in_events = True
        event(*arguments)
        self._in_events = False
