"""What a tuner proposes, and what a study keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from optuna.distributions import BaseDistribution

Goal = Literal["maximize", "minimize"]
"""Whether the best value of a study is the largest or the smallest."""

TRIES = 3
"""Workers that may end with a trial before it counts as what ended them."""

Params = dict[str, Any]
"""A point of the search space as Optuna has it: a number or a string by name."""


class Proposal(NamedTuple):
    """A point of the search space that is to be tried."""

    params: Params
    """The point."""

    distributions: dict[str, BaseDistribution]
    """What each of its coordinates was drawn from."""


@dataclass(frozen=True)
class StoredTrial:
    """A trial of a study, as it was when it was read."""

    number: int
    """Its place in the study, from 0."""

    trial_id: int
    """Its key in the storage."""

    params: Params
    """The point of the search space."""

    distributions: dict[str, BaseDistribution]
    """What each of the coordinates was drawn from."""

    state: Literal["waiting", "running", "finished"]
    """Whether it is to be run, runs, or has a result."""

    value: float | None = None
    """What the study optimizes; None unless finished."""

    feasible: bool | None = None
    """Whether the training came to its end without diverging; None unless finished."""

    figures: dict[str, Any] = field(default_factory=dict)
    """The final figures by the keys of summary.json; empty unless finished."""

    failures: tuple[str, ...] = ()
    """What ended each of the workers that had it, an error or silence; a worker that was told to stop is not among
    them."""

    @property
    def hopeless(self) -> bool:
        """Whether so many workers ended with it, the last of them with it alone, that it is not to be run again."""
        return len(self.failures) >= TRIES


class Counts(NamedTuple):
    """How many trials of a study are in which state."""

    finished: int
    """They have a result, feasible or not."""

    running: int
    """A worker has them, or had them and died less than the grace ago."""

    waiting: int
    """They were given back and are to be run again."""

    infeasible: int
    """Those of the finished ones whose training diverged."""

    @property
    def total(self) -> int:
        """All that count: finished, running and waiting."""
        return self.finished + self.running + self.waiting
