"""A study with what it takes to run its trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from optuna.trial import FrozenTrial
from pytorch_lightning.utilities.exceptions import SIGTERMException

from rnn_capacity.population import Member, Result, quiet_trainer, train
from rnn_capacity.search.run.stopping import Stopped
from rnn_capacity.search.space.parameter_names import listed
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.search.trials import builder_of
from rnn_capacity.studies import Snapshot, StorageError, Study, failures, retries_exhausted

LONGEST = 300
"""Characters that are kept of an error."""


class Listener(Protocol):
    """Whoever looks on while trials run, and may end it."""

    def check(self) -> None:
        """Called now and then.

        Raises:
            Stopped: If the search is to end here.
        """

    def begin(self, search: StudyRunner, members: int, steps: int) -> None:
        """So many members of a study begin to train, for at most so many steps."""

    def steps(self, made: int) -> None:
        """They have made so many steps.

        Raises:
            Stopped: If the search is to end here.
        """

    def result(self, search: StudyRunner, trial: FrozenTrial) -> None:
        """A trial of a study is done, and its result stored."""

    def say(self, line: str) -> None:
        """Show a line."""


class StudyRunner:
    """A study with what it takes to run its trials.

    Args:
        study: The study.
        total: Trials that it is to have.

    Raises:
        ValueError: If what is stored of it is of no use to this version of the program.
    """

    def __init__(self, study: Study, total: int) -> None:
        self.study = study
        self.definition = StudySpecification.of(study.specification)
        self.total = self.definition.most_trials(total)
        self.space = self.definition.space
        self.objective = self.definition.objective
        self.sampler = self.definition.sampler()
        self.factory = builder_of(self.definition.config)
        self.watched = False

    def claim(self, count: int) -> list[FrozenTrial]:
        """Trials to run now, at most so many; none if the others have the rest, or all are finished."""
        snapshot = self.study.snapshot()
        return self.study.claim(count, self.total, self.sampler, snapshot) if self.missing(snapshot) else []

    def good_enough(self, snapshot: Snapshot) -> bool:
        """Whether a trial has the value that the sweep names as its target, after which no more are begun."""
        metric = self.definition.sweep.metric
        if metric is None or metric.target is None:
            return False
        return any(trial.value is not None and metric.reached(trial.value) for trial in snapshot.best(1))

    def missing(self, snapshot: Snapshot | None = None) -> int:
        """Trials that the study is yet to have."""
        snapshot = snapshot or self.study.snapshot()
        return 0 if self.good_enough(snapshot) else max(0, self.total - len(snapshot.finished))

    def values(self, trial: FrozenTrial) -> dict[str, Any]:
        """A trial's hyperparameters, those that are searched for, by their dotted names."""
        values = self.space.values(trial.params)
        return {name: values[name] for name in self.space.searched}

    def run(self, trials: list[FrozenTrial], device: torch.device, watcher: Listener) -> None:
        """Train the networks of claimed trials and store each result as soon as it is there.

        A trial whose values a constructor refuses has the baseline metrics and is not feasible, so that the
        tuner leaves such points alone; so has one with its retries exhausted. Whatever ends this early, the trials
        without a result are given back; an error is theirs to answer for, unless the watcher made it.

        Args:
            trials: The trials.
            device: Where they are trained.
            watcher: Looks on.

        Raises:
            Stopped: If the watcher ends it.
            StorageError: If the storage fails.
        """
        with self.study.alive(), self._given_back(trials):
            ready = [(trial, member) for trial in trials if (member := self.member(trial, watcher)) is not None]
            watcher.check()
            if ready:
                self._train(ready, device, watcher)

    @contextmanager
    def _given_back(self, trials: list[FrozenTrial]) -> Iterator[None]:
        """Give the trials without a result back where something ends their training."""
        self.watched = False
        try:
            yield
        except StorageError:  # nothing can be given back; the others take the trials when the grace is over
            raise
        except Exception as error:
            blamed = not (self.watched or isinstance(error, Stopped))
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST]
            self.study.give_back(trials, reason if blamed else None)
            raise
        except BaseException:
            self.study.give_back(trials)
            raise

    def member(self, trial: FrozenTrial, watcher: Listener) -> Member | None:
        """The network and the data of a trial; None if it gets its result without: refused, or retries exhausted."""
        watcher.check()
        if retries_exhausted(trial):
            self._refuse(trial, "failed", f"{len(failures(trial))} workers ended: {failures(trial)[-1]}", watcher)
            return None
        try:
            return self.factory(self.space.values(trial.params))
        except ValueError as error:
            self._refuse(trial, "refused", str(error), watcher)
            return None

    def _refuse(self, trial: FrozenTrial, how: str, reason: str, watcher: Listener) -> None:
        line = f"{self.study.name}: trial {trial.number} {how}: {reason} ({listed(self.values(trial))})"
        self._tell(watcher.say, line)
        self._finish(trial, {**self.objective.constant, "feasible": False, how: reason}, watcher)

    def _train(self, ready: list[tuple[FrozenTrial, Member]], device: torch.device, watcher: Listener) -> None:
        members = [member for _, member in ready]
        self._tell(watcher.begin, self, len(members), max(member.max_steps for member in members))

        def keep(place: int, result: Result) -> None:
            self._finish(ready[place][0], result, watcher)

        precision = "64-true" if next(members[0].module.parameters()).dtype == torch.float64 else "32-true"
        trainer = quiet_trainer(device.type, 1 if device.index is None else [device.index], precision)
        try:
            train(members, trainer, on_result=keep, on_call=partial(self._tell, watcher.steps))
        except SIGTERMException:  # Lightning's own end, where the signal came after the watcher's last look
            watcher.check()
            raise

    def _finish(self, trial: FrozenTrial, result: Result, watcher: Listener) -> None:
        value, feasible = self.objective.read(result)
        done = self.study.finish(trial, value, feasible, {**result, "feasible": feasible})
        if done is not None:
            self._tell(watcher.result, self, done)

    def _tell(self, call: Callable[..., None], *what: Any) -> None:
        """Tell the watcher, whose errors are no fault of the trials."""
        self.watched = True
        call(*what)
        self.watched = False
