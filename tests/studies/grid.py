"""Grid search over the points 0, 1, 2, ...: in order at first, in random order after a collision with a worker."""

from __future__ import annotations

import random
from collections.abc import Iterable

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from rnn_capacity.studies import Proposal, Study
from rnn_capacity.studies.queue import Propose

SPACE: dict[str, BaseDistribution] = {
    "place": IntDistribution(0, 10_000),
    "rate": FloatDistribution(1e-5, 1.0, log=True),
    "cell": CategoricalDistribution(["rnn", "gru"]),
}


def point(place: int) -> Proposal:
    return Proposal({"place": place, "rate": 10 ** -(1 + place % 4), "cell": ("rnn", "gru")[place % 2]}, SPACE)


def grid(size: int) -> Propose:
    def propose(count: int, finished: list[FrozenTrial], pending: list[FrozenTrial], attempt: int) -> list[Proposal]:
        taken = {*places(finished), *places(pending)}
        left = [point(place) for place in range(size) if place not in taken]
        return (random.sample(left, len(left)) if attempt else left)[:count]

    return propose


def places(trials: Iterable[FrozenTrial]) -> list[int]:
    return [trial.params["place"] for trial in trials]


def numbers(trials: Iterable[FrozenTrial]) -> list[int]:
    return [trial.number for trial in trials]


def counts(study: Study) -> tuple[int, int, int, int]:
    """Finished, running, waiting and infeasible trials."""
    found = study.snapshot()
    return len(found.finished), len(found.running), len(found.waiting), len(found.infeasible)
