"""The queue from which several workers claim the trials of an Optuna study."""

from __future__ import annotations

import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies.heartbeat import heartbeat
from rnn_capacity.studies.snapshot import Snapshot
from rnn_capacity.studies.storage import Storage, garbage_collection_paused
from rnn_capacity.studies.storage_errors import StorageError
from rnn_capacity.studies.trial import (
    ALIVE,
    FAILURE,
    FEASIBLE,
    KNOWN,
    MAX_FAILURES,
    METRICS,
    VALUES,
    WORKER,
    Goal,
    Proposal,
    failures,
    finished_trial,
    point_key,
    retry_history,
    retry_of,
    running_trial,
)

Propose = Callable[[int, list[FrozenTrial], list[FrozenTrial], int], list[Proposal]]
"""Type of the function `propose(count, finished, pending, attempt)`, which returns at most `count` points to try
next."""


class TrialQueue:
    """Lets one of several workers claim trials of an Optuna study, keep them by heartbeats and store their results.

    Optuna's storages have single calls and no transactions, and even the call with which `optuna.Study.ask` claims a
    waiting trial is not safe everywhere: with SQLite, Optuna reads the state and writes it in two steps, so that two
    workers may both be told that they were first. What every storage keeps is the order of `create_new_trial`: trials
    are numbered in the order in which they become visible. So a worker claims a point by storing a running trial of its
    own, reads the study, and withdraws the trial if one with a lower number has the point, or the study its total. A
    point is run again in the same way, by a new trial whose `retry_history` names the earlier ones. So no trial is
    lost, none counts twice, and there are never more than the total, whenever a worker dies.

    Every call may be repeated, since its answer may have got lost: a trial that is stored twice is withdrawn (unless
    the worker dies right then, which leaves a point that is run twice); an attribute is written again; a state that is
    final already raises `UpdateFinishedTrialError`.

    Args:
        storage: Where the study is.
        name: The study's name there.

    Raises:
        KeyError: If there is no such study.
        StorageError: If the storage fails.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self.name = name
        self._timing = storage.timing
        self._call = storage.call
        self._optuna = storage.optuna
        self._study_id = self._call(self._optuna.get_study_id_from_name, name)
        # Optuna's study caches finished trials, so that a later snapshot reads only the others
        self._study = self._call(optuna.load_study, study_name=name, storage=self._optuna)
        directions = self._call(self._optuna.get_study_directions, self._study_id)
        self.goal: Goal = "maximize" if directions == [StudyDirection.MAXIMIZE] else "minimize"
        self._worker = uuid.uuid4().hex
        self._latest: Snapshot | None = None
        self._held: dict[int, int] = {}  # the ids of the trials that this worker runs, by their numbers

    def snapshot(self) -> Snapshot:
        """Read the study's trials from the storage and return them as a `Snapshot`.

        Raises:
            StorageError: If the storage fails.
        """
        with garbage_collection_paused():
            trials = self._call(self._study.get_trials, deepcopy=False)
        self._latest = Snapshot(trials, self.goal, self._timing.grace)
        return self._latest

    @property
    def latest(self) -> Snapshot:
        """The study's trials as this worker last read them; the first use reads them from the storage.

        Raises:
            StorageError: If the storage fails.
        """
        return self._latest or self.snapshot()

    def claim(self, count: int, total: int, propose: Propose, snapshot: Snapshot | None = None) -> list[FrozenTrial]:
        """Claim trials for this worker to run: first those to be run again, then newly proposed ones.

        A trial that `MAX_FAILURES` - 1 workers failed with is claimed by itself, so that its next failure affects no
        other trial. The caller finishes a trial with `retries_exhausted` without running it, and enters `alive()`
        within `Timing.grace` seconds.

        Args:
            count: Largest number of trials to claim.
            total: Trials that the study is to have; finished, running and waiting ones are never more.
            propose: Called as `propose(n, finished, pending, attempt)`; returns at most n proposals, fewer where there
                are no more. The attempt is 0, then 1, 2, ... for proposals in place of those that another worker stored
                meanwhile; these should be drawn differently by each worker, or all propose the same again.
            snapshot: The study as this round of the worker has read it; None to read it.

        Returns:
            The claimed trials; fewer than `count` where the study has its total or the proposals end.

        Raises:
            StorageError: If the storage fails; others run what was claimed when the grace is over.
        """
        current = snapshot or self.snapshot()
        others = [trial for trial in current.to_retry(total) if trial.number not in self._held]
        if count <= 0 or not (others or current.remaining(total)):
            return []
        left: list[FrozenTrial] = []
        for trial in others:
            if current.is_duplicate(trial):  # its worker died before it withdrew the trial
                self._fail(self._id(trial.number))
            else:
                left.append(retry_of(trial, self._worker))
        several = [retry for retry in left if len(failures(retry)) != MAX_FAILURES - 1]
        claimed: list[FrozenTrial] = []
        try:
            with self.alive():
                current, attempt = self._store(several[:count] or left[:1], current, total, claimed), 0
                while (several or not left) and (wanted := min(count - len(claimed), current.remaining(total))) > 0:
                    proposals = propose(wanted, current.finished, [*current.running, *current.waiting], attempt)[
                        :wanted
                    ]
                    if not proposals:
                        break
                    attributes = {KNOWN: len(current.stored)}
                    trials = [running_trial(proposal, self._worker, attributes) for proposal in proposals]
                    current, attempt = self._store(trials, current, total, claimed), attempt + 1
        except BaseException as error:
            if not isinstance(error, StorageError):
                self.give_back(claimed)
            raise
        return claimed

    def _store(self, trials: list[FrozenTrial], earlier: Snapshot, total: int, claimed: list[FrozenTrial]) -> Snapshot:
        """Store running trials, and set those to failed that another worker stored first or that exceed the total.

        Args:
            trials: Running trials of this worker.
            earlier: The study when the trials were chosen.
            total: Trials that the study is to have.
            claimed: List to which the claimed trials are appended.

        Returns:
            The study after that.
        """
        if not trials:
            return earlier
        ids = [self._call(self._optuna.create_new_trial, self._study_id, trial) for trial in trials]
        now, before = self.snapshot(), len(claimed)
        new = now.stored[len(earlier.stored) :]
        running = [t.number for t in new if t.user_attrs.get(WORKER) == self._worker and t.state is TrialState.RUNNING]
        own = [number for number in running if number not in self._held]
        if len(own) != len(ids):  # a repeated call stored a trial twice
            ids = [self._id(number) for number in own]
        self._held |= zip(own, ids, strict=True)
        runnable = {trial.number for trial in now.runnable(total)}
        missing = Counter(map(point_key, trials))
        for trial in [trial for trial in new if trial.number in own]:
            key = point_key(trial)
            first = trial.number in runnable and missing[key] > 0 and not now.is_duplicate(trial)
            if first and self._end_earlier(trial, now):
                claimed.append(trial)
                missing[key] -= 1
            else:
                self._fail(self._held.pop(trial.number))
        return now if len(claimed) == before + len(trials) else self.snapshot()

    def _end_earlier(self, retry: FrozenTrial, now: Snapshot) -> bool:
        """Set the earlier trials of a retried point to failed; return False if one of them has got a result.

        The retry is stored by then, so that no crash loses the point, and not yet run, so that a worker that was taken
        for dead stores no second result. (With SQLite a result and a failure that are stored at the same moment may
        both seem to be; still one result of the point counts.)
        """
        unfinished = [number for number in retry_history(retry) if not now.stored[number].state.is_finished()]
        return all([self._fail(self._id(number)) for number in unfinished])

    def _fail(self, trial_id: int) -> bool:
        """Set a trial to failed, and return True; return False if the trial has got a result in the meantime."""
        try:
            return self._call(self._optuna.set_trial_state_values, trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return self._call(self._optuna.get_trial, trial_id).state is TrialState.FAIL

    def _id(self, number: int) -> int:
        return self._call(self._optuna.get_trial_id_from_study_id_trial_number, self._study_id, number)

    def alive(self) -> AbstractContextManager[None]:
        """Return a context in which a thread sends heartbeats, so that other workers leave this one's trials alone."""
        return heartbeat(self._beat, self._timing.heartbeat)

    def _beat(self) -> None:
        """Store the current time as this worker's heartbeat, in one of its running trials on behalf of all."""
        for trial_id in list(self._held.values()):
            with suppress(UpdateFinishedTrialError):  # finished or taken over in the meantime
                return self._call(self._optuna.set_trial_user_attr, trial_id, ALIVE, time.time())

    def finish(
        self,
        trial: FrozenTrial,
        value: float,
        feasible: bool,
        metrics: dict[str, Any],
        values: dict[str, Any] | None = None,
    ) -> FrozenTrial | None:
        """Store the objective value and the metrics of a claimed trial, and set the trial to complete.

        Args:
            trial: The trial.
            value: What the study optimizes.
            feasible: Whether the trial was trained without divergence.
            metrics: The final metrics, as JSON can hold them.
            values: Values of the searched hyperparameters by dotted name, as JSON can hold them; None if they are the
                trial's params.

        Returns:
            The finished trial; None if the result is refused, since the trial was given back or taken over.

        Raises:
            ValueError: If the value is not finite.
            StorageError: If the storage fails.
        """
        if not math.isfinite(value):
            raise ValueError(f"value must be finite, got {value} for trial {trial.number}")
        if trial.number not in self._held:
            return None
        trial_id = self._held[trial.number]
        attributes = {METRICS: metrics, FEASIBLE: feasible, **({} if values is None else {VALUES: values})}
        try:
            # the state is written last, so that every finished trial has its metrics
            for name, attribute in attributes.items():
                self._call(self._optuna.set_trial_user_attr, trial_id, name, attribute)
            self._call(self._optuna.set_trial_state_values, trial_id, TrialState.COMPLETE, [value])
            stored = True
        except UpdateFinishedTrialError:  # another worker took the trial over, or a repeated call had finished it
            stored = self._call(self._optuna.get_trial, trial_id).state is TrialState.COMPLETE
        del self._held[trial.number]
        return finished_trial(trial, value, attributes) if stored else None

    def give_back(self, trials: Iterable[FrozenTrial], failure: str | None = None) -> None:
        """Set claimed, unfinished trials to waiting, so that any worker can claim them.

        Args:
            trials: Claimed trials; finished ones stay as they are.
            failure: The error that ends this worker, which one of them may have caused; None if it was told to stop.

        Raises:
            StorageError: If the storage fails.
        """
        for number in [trial.number for trial in trials if trial.number in self._held]:
            with suppress(
                UpdateFinishedTrialError
            ):  # another worker took the trial over, or a repeated call had finished it
                if failure is not None:  # first, so that a waiting trial always has its failure
                    self._call(self._optuna.set_trial_user_attr, self._held[number], FAILURE, failure)
                self._call(self._optuna.set_trial_state_values, self._held[number], TrialState.WAITING)
            del self._held[number]
