"""A snapshot: all trials of a study as they were at one read of the storage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies.trial import ALIVE, KNOWN, WORKER, Goal, feasible, retry_history

COUNTED = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE)
"""States of the trials that count towards the total of a study. A failed trial does not count: it was withdrawn, or
retried as another trial."""


@dataclass(frozen=True)
class Snapshot:
    """The trials of an Optuna study as they were at one read of the storage.

    The methods do not access the storage.

    A point that is run again has several trials. One of them counts: the one with a result, otherwise the latest retry.

    Example:
        >>> from optuna.trial import create_trial
        >>> snapshot = Snapshot([create_trial(value=0.5, user_attrs={"feasible": True})], "maximize")
        >>> snapshot.best(1)[0].value, snapshot.remaining(10)
        (0.5, 9)
    """

    stored: Sequence[FrozenTrial]
    """All trials of the Optuna study in the order of their numbers, including failed ones."""

    goal: Goal
    """Direction of the optimization: maximize or minimize."""

    grace: float = 180.0
    """Seconds without a heartbeat after which a worker counts as dead and its trials are run again."""

    time: float = field(default_factory=time.time)
    """Time at which the storage was read, in seconds since the epoch by this process's clock."""

    @cached_property
    def points(self) -> dict[int, FrozenTrial]:
        """One trial for each point of the search space, by the number of the point's first trial.

        Of several trials of a point it is the one that counts: the one with a result, otherwise the latest retry.
        """

        def precedence(trial: FrozenTrial) -> tuple[bool, int, int]:
            return trial.state is not TrialState.COMPLETE, -len(retry_history(trial)), trial.number

        counted: dict[int, FrozenTrial] = {}
        for trial in self.stored:
            if trial.state in COUNTED:
                first = next(iter(retry_history(trial)), trial.number)
                counted[first] = min(counted[first], trial, key=precedence) if first in counted else trial
        return dict(sorted(counted.items()))

    @cached_property
    def trials(self) -> list[FrozenTrial]:
        """The finished, running and waiting trials by number, one for each point of the search space."""
        return sorted(self.points.values(), key=lambda trial: trial.number)

    @cached_property
    def finished(self) -> list[FrozenTrial]:
        """The complete trials, infeasible ones included."""
        return [trial for trial in self.trials if trial.state is TrialState.COMPLETE]

    @cached_property
    def infeasible(self) -> list[FrozenTrial]:
        """The complete trials that diverged, whose hyperparameters were rejected, or whose retries all failed."""
        return [trial for trial in self.finished if not feasible(trial)]

    @cached_property
    def running(self) -> list[FrozenTrial]:
        """Trials in Optuna's state RUNNING, including trials whose worker has died."""
        return [trial for trial in self.trials if trial.state is TrialState.RUNNING]

    @cached_property
    def waiting(self) -> list[FrozenTrial]:
        """The trials in the state waiting: enqueued, or given back by a worker that did not finish them."""
        return [trial for trial in self.trials if trial.state is TrialState.WAITING]

    @cached_property
    def stale(self) -> list[FrozenTrial]:
        """The running trials of dead workers: those whose last heartbeat is more than `grace` seconds old.

        A heartbeat is a time of the worker's clock and is compared with this process's clock. Clocks that differ by
        more than the grace waste work and nothing else: a trial that is taken from a living worker fails, and a failed
        trial takes no result.
        """
        beats = {trial.user_attrs.get(WORKER): 0.0 for trial in self.running}
        for trial in self.stored if beats else ():
            worker = trial.user_attrs.get(WORKER)
            if worker in beats:
                beats[worker] = max(beats[worker], trial.user_attrs.get(ALIVE, 0.0))
        return [trial for trial in self.running if self.time - beats[trial.user_attrs.get(WORKER)] > self.grace]

    def best(self, count: int) -> list[FrozenTrial]:
        """Return the `count` trials with the best values, the best first, without infeasible ones.

        Equal values are ordered by trial number.
        """
        sign = -1.0 if self.goal == "maximize" else 1.0
        ranked = sorted((sign * (t.value or 0.0), t.number, t) for t in self.finished if feasible(t))
        return [trial for *_, trial in ranked[:count]]

    def remaining(self, total: int) -> int:
        """Return how many trials may still be proposed until the study has `total` trials."""
        return max(0, total - len(self.points))

    def runnable(self, total: int) -> list[FrozenTrial]:
        """Return the trials of the first `total` points, the only ones that workers run in a study of `total` trials.

        A worker runs a trial only after it has found the trial here. A point's rank never rises, since later points
        have higher numbers, and earlier ones can only be withdrawn. So at most `total` points are ever run, whatever
        workers do at the same time.
        """
        return list(self.points.values())[: max(0, total)]

    def is_duplicate(self, trial: FrozenTrial) -> bool:
        """Return whether another worker stored a trial of the same point before, without this trial's worker knowing.

        Workers that read the same trials may propose the same point, such as the next one of a grid. A duplicate is
        recognised from the stored trials alone, also if its worker died before it withdrew the trial.
        """
        unknown = range(trial.user_attrs.get(KNOWN, trial.number), trial.number)
        others = [self.stored[number] for number in unknown if number in self.points]
        worker = trial.user_attrs.get(WORKER)
        return any(o.params == trial.params and o.user_attrs.get(WORKER) != worker for o in others)

    def to_retry(self, total: int) -> list[FrozenTrial]:
        """Return the trials to run again, which a worker gave back or whose worker died.

        With a smaller `total` than before, trials that are finished or run beyond it take the place of waiting ones.
        """
        stale = {trial.number for trial in self.stale}
        busy = len(self.finished) + len(self.running) - len(stale)
        left = [t for t in self.runnable(total) if t.state is TrialState.WAITING or t.number in stale]
        return left[: max(0, total - busy)]
