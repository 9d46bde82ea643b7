"""A study's trials as one reading of the storage found them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies.trial import ALIVE, KNOWN, WORKER, Goal, feasible, retry_history

COUNTED = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE)
"""States of trials that count; a failed trial was withdrawn, or its point is run again as another trial."""


@dataclass(frozen=True)
class Snapshot:
    """A study's trials as one reading of the storage found them; everything is answered from memory.

    A point that is run again has several trials. One of them counts: the one with a result, otherwise the latest retry.

    Example:
        >>> from optuna.trial import create_trial
        >>> snapshot = Snapshot([create_trial(value=0.5, user_attrs={"feasible": True})], "maximize")
        >>> snapshot.best(1)[0].value, snapshot.room(10), snapshot.is_complete(10)
        (0.5, 9, False)
    """

    stored: Sequence[FrozenTrial]
    """Every trial of Optuna's study by number, those included that do not count."""

    goal: Goal
    """Whether the best value is the largest or the smallest."""

    grace: float = 180.0
    """Seconds without a sign of life after which a worker counts as dead."""

    time: float = field(default_factory=time.time)
    """When the storage was read, in seconds of this process's clock."""

    @cached_property
    def points(self) -> dict[int, FrozenTrial]:
        """The trials that count, by the numbers of their points' first trials in ascending order."""

        def precedence(trial: FrozenTrial) -> tuple[bool, int, int]:
            return trial.state is not TrialState.COMPLETE, -len(retry_history(trial)), trial.number

        found: dict[int, FrozenTrial] = {}
        for trial in self.stored:
            if trial.state in COUNTED:
                first = next(iter(retry_history(trial)), trial.number)
                found[first] = min(found[first], trial, key=precedence) if first in found else trial
        return dict(sorted(found.items()))

    @cached_property
    def trials(self) -> list[FrozenTrial]:
        """The trials that count, by number: finished, running and waiting ones."""
        return sorted(self.points.values(), key=lambda trial: trial.number)

    @cached_property
    def finished(self) -> list[FrozenTrial]:
        """The trials with a result, feasible or not."""
        return [trial for trial in self.trials if trial.state is TrialState.COMPLETE]

    @cached_property
    def infeasible(self) -> list[FrozenTrial]:
        """The finished trials whose training diverged."""
        return [trial for trial in self.finished if not feasible(trial)]

    @cached_property
    def running(self) -> list[FrozenTrial]:
        """The trials that a worker runs, or ran before it died."""
        return [trial for trial in self.trials if trial.state is TrialState.RUNNING]

    @cached_property
    def waiting(self) -> list[FrozenTrial]:
        """The trials that were given back and are to be run again."""
        return [trial for trial in self.trials if trial.state is TrialState.WAITING]

    @cached_property
    def stale(self) -> list[FrozenTrial]:
        """The running trials whose workers are dead: none of a worker's trials has a recent sign of life.

        A sign is a time of the worker's clock and is compared with this process's clock. Clocks that differ by more
        than the grace waste work and nothing else: a trial that is taken from a living worker fails, and a failed trial
        takes no result.
        """
        signs = {trial.user_attrs.get(WORKER): 0.0 for trial in self.running}
        for trial in self.stored if signs else ():
            worker = trial.user_attrs.get(WORKER)
            if worker in signs:
                signs[worker] = max(signs[worker], trial.user_attrs.get(ALIVE, 0.0))
        return [trial for trial in self.running if self.time - signs[trial.user_attrs.get(WORKER)] > self.grace]

    def best(self, count: int) -> list[FrozenTrial]:
        """Choose at most `count` feasible trials with the best values, the best first, of equal ones the earlier."""
        sign = -1.0 if self.goal == "maximize" else 1.0
        ranked = sorted((sign * (t.value or 0.0), t.number, t) for t in self.finished if feasible(t))
        return [trial for *_, trial in ranked[:count]]

    def is_complete(self, total: int) -> bool:
        """Tell whether the study has the results of all the `total` trials that it is to have."""
        return len(self.finished) >= total

    def room(self, total: int) -> int:
        """Count the trials that may be proposed for the study to have `total`."""
        return max(0, total - len(self.points))

    def runnable(self, total: int) -> list[FrozenTrial]:
        """Choose the trials that may be run if the study is to have `total`: those of its first points.

        A worker runs a trial only after it has found the trial here. A point's rank never rises, since later points
        have higher numbers, and earlier ones can only be withdrawn. So at most `total` points are ever run, whatever
        workers do at the same time.
        """
        return list(self.points.values())[: max(0, total)]

    def is_duplicate(self, trial: FrozenTrial) -> bool:
        """Tell whether another worker stored a trial's point first, and the trial's own worker did not know of it.

        Workers that propose in the same situation may propose the same point: a grid's next, the next of a seed. Since
        the trials say all, a duplicate whose worker died before it withdrew the trial is not run by others, either.
        """
        unknown = range(trial.user_attrs.get(KNOWN, trial.number), trial.number)
        others = [self.stored[number] for number in unknown if number in self.points]
        worker = trial.user_attrs.get(WORKER)
        return any(o.params == trial.params and o.user_attrs.get(WORKER) != worker for o in others)

    def to_retry(self, total: int) -> list[FrozenTrial]:
        """Choose the trials that are to be run again: they were given back, or their workers are dead.

        With a smaller `total` than before, trials that are finished or run beyond it take the place of waiting ones.
        """
        stale = {trial.number for trial in self.stale}
        busy = len(self.finished) + len(self.running) - len(stale)
        left = [t for t in self.runnable(total) if t.state is TrialState.WAITING or t.number in stale]
        return left[: max(0, total - busy)]
