"""A study: what is measured, and its trials, divided between workers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection

from rnn_capacity.messages import closest
from rnn_capacity.studies.definition import difference
from rnn_capacity.studies.heartbeat import Heartbeat
from rnn_capacity.studies.ledger import Ledger
from rnn_capacity.studies.record import stored
from rnn_capacity.studies.storage import Storage, open_storage
from rnn_capacity.studies.timing import Timing
from rnn_capacity.studies.trial import Counts, Goal, Proposal, StoredTrial
from rnn_capacity.studies.worker import CLAIMS, Worker

DEFINITION = "definition"
"""User attribute of a study."""

TOTAL = "total"
"""User attribute of a study: the most trials that anyone asked for."""

DIRECTIONS: dict[Goal, StudyDirection] = {"maximize": StudyDirection.MAXIMIZE, "minimize": StudyDirection.MINIMIZE}


class Study:
    """Trials of one definition in a storage that several workers share; `Study.open` opens one.

    A worker claims a batch of trials, trains them and stores each result when its member is done. The storage is the
    only thing that workers share: each of them, at any time, may come, be killed, or be suspended and go on.

    Args:
        storage: Where it is.
        name: Its name there.

    Raises:
        KeyError: If there is no such study.
        StorageError: If the storage fails.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._ledger = Ledger(storage, name)
        self._worker = Worker(self._ledger)
        self._name = name
        study = self._ledger.study
        attributes, direction = storage.read(lambda: (study.user_attrs, study.direction))
        self._definition: dict[str, Any] = attributes.get(DEFINITION, {})
        self._goal: Goal = "maximize" if direction is StudyDirection.MAXIMIZE else "minimize"

    @classmethod
    def open(
        cls,
        storage: str,
        name: str,
        *,
        definition: dict[str, Any] | None = None,
        goal: Goal = "maximize",
        timing: Timing | None = None,
    ) -> Study:
        """Open a study, with a definition make it where it is not there.

        Args:
            storage: The storage's URL: sqlite:///FILE for the workers of one machine,
                postgresql://USER:PASSWORD@HOST/DATABASE for those of several.
            name: The study's name there.
            definition: What it measures, as JSON can hold it; None to open what is there.
            goal: Whether the best value is the largest or the smallest; not looked at without a definition.
            timing: Heartbeats and patience.

        Raises:
            ValueError: If the storage cannot be opened, the study is not there or has another definition or goal.
            StorageError: If the storage fails.
        """
        opened = open_storage(storage, create=definition is not None, timing=timing)
        if definition is None:
            names = _names(opened)
            if name not in names:
                known = closest(name, names) if names else "it holds none"
                raise ValueError(f"study: there is no {name!r} in {opened.name}; {known}")
            return cls(opened, name)
        definition = json.loads(json.dumps(definition))
        _make(opened, name, definition, goal)
        study = cls(opened, name)
        if found := difference(definition, study.definition):
            key, given, there = found
            raise ValueError(
                f"study: {name!r} in {opened.name} measures something else: {key} is {there} there, {given} was given; "
                "give another name"
            )
        if goal != study.goal:
            raise ValueError(f"study: {name!r} in {opened.name} is to {study.goal}, not to {goal}; give another name")
        return study

    @property
    def name(self) -> str:
        """Its name in the storage."""
        return self._name

    @property
    def goal(self) -> Goal:
        """Whether the best value is the largest or the smallest."""
        return self._goal

    @property
    def definition(self) -> dict[str, Any]:
        """What it measures."""
        return self._definition

    def total(self) -> int | None:
        """The most trials that it was ever to have; None if nobody said so.

        Raises:
            StorageError: If the storage fails.
        """
        return self._storage.read(self._total)

    def _total(self) -> int | None:
        """As the storage has it, in the current transaction."""
        found: int | None = self._storage.optuna.get_study_user_attrs(self._ledger.study_id).get(TOTAL)
        return found

    def set_total(self, total: int) -> None:
        """Keep how many trials the study is to have, unless it is to have more already.

        Args:
            total: Trials.

        Raises:
            StorageError: If the storage fails.
        """

        def keep() -> None:
            if total > (self._total() or 0):
                self._storage.optuna.set_study_user_attr(self._ledger.study_id, TOTAL, total)

        self._storage.write(keep)

    def trials(self) -> list[StoredTrial]:
        """Every trial that counts: finished, running or waiting, by number.

        Raises:
            StorageError: If the storage fails.
        """
        return [stored(trial) for trial in self._ledger.trials()]

    def counts(self) -> Counts:
        """How many trials are in which state.

        Raises:
            StorageError: If the storage fails.
        """
        return self._ledger.counts()

    def best(self, count: int) -> list[StoredTrial]:
        """The feasible trials with the best values, the best first; of equal ones the earlier.

        Args:
            count: How many, at most.

        Raises:
            StorageError: If the storage fails.
        """
        sign = -1.0 if self.goal == "maximize" else 1.0
        finished = [(sign * t.value, t.number, t) for t in self.trials() if t.value is not None and t.feasible]
        return [trial for *_, trial in sorted(finished)[:count]]

    def claim(
        self,
        count: int,
        total: int,
        propose: Callable[[int, list[StoredTrial], list[StoredTrial]], list[Proposal]],
    ) -> list[StoredTrial]:
        """Trials for this worker to run now: those that others left over, then new ones.

        Finished, running and waiting trials together are never more than `total`, and no trial is given to two workers.
        One that is in its last try, since all but one of its `TRIES` workers ended, comes alone; one that is `hopeless`
        is claimed to be finished without being run.
        `alive` must be entered before the grace is over.

        Args:
            count: How many, at most.
            total: Trials that the study is to have.
            propose: Called as `propose(n, finished, pending)`, outside any transaction; returns at most n proposals,
                fewer where there are no more. Called again only for proposals that another worker stored meanwhile.

        Returns:
            The claimed trials; fewer than `count` where the study has `total` or the proposals end.

        Raises:
            StorageError: If the storage fails.
        """
        return self._worker.claim(count, total, propose)

    def alive(self, trials: Iterable[StoredTrial]) -> AbstractContextManager[None]:
        """A context in which a thread tells the others that these trials are being run.

        Args:
            trials: Claimed trials; those that are finished or given back meanwhile are left out.
        """
        ids = [trial.trial_id for trial in trials]
        return Heartbeat(lambda: self._worker.say_alive(ids), self._storage.timing.heartbeat)

    def finish(self, trial: StoredTrial, value: float, feasible: bool, figures: dict[str, Any]) -> bool:
        """Store the result of a claimed trial.

        Args:
            trial: The trial.
            value: What the study optimizes.
            feasible: Whether the training came to its end without diverging.
            figures: The final figures, as JSON can hold them.

        Returns:
            Whether it is stored. It is not where the trial is no longer this worker's: given back, or taken for dead
            because there was no sign of life, and run again elsewhere.

        Raises:
            ValueError: If the value is not finite.
            StorageError: If the storage fails.
        """
        if not math.isfinite(value):
            raise ValueError(f"value must be finite, got {value} for trial {trial.number}")
        return self._worker.finish(trial, value, feasible, figures)

    def give_back(self, trials: Iterable[StoredTrial], failure: str | None = None) -> None:
        """Let claimed trials that are not finished be run by whoever claims next.

        Args:
            trials: Claimed trials; finished ones stay as they are.
            failure: The error that ends this worker, which one of them may have caused; None if it was told to stop.

        Raises:
            StorageError: If the storage fails.
        """
        self._worker.give_back(trials, failure)


def _make(storage: Storage, name: str, definition: dict[str, Any], goal: Goal) -> None:
    """Make a study, unless it is there."""

    def make() -> None:
        study_id = storage.optuna.create_new_study([DIRECTIONS[goal]], name)
        storage.optuna.set_study_user_attr(study_id, DEFINITION, definition)
        storage.optuna.set_study_system_attr(study_id, CLAIMS, "")  # there from the beginning: claims change it

    if name not in _names(storage):
        with suppress(DuplicatedStudyError):  # another worker was first
            storage.write(make)


def _names(storage: Storage) -> list[str]:
    return sorted(study.study_name for study in storage.read(storage.optuna.get_all_studies))


def study_names(storage: str) -> list[str]:
    """The names of a storage's studies.

    Args:
        storage: Its URL.

    Raises:
        ValueError: If it cannot be opened.
        StorageError: If it fails.
    """
    return _names(open_storage(storage, create=False))
