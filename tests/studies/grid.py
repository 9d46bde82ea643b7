"""A search without chance: the points 0, 1, 2, ... in order, each once."""

from __future__ import annotations

from collections.abc import Callable

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from rnn_capacity.studies import Proposal, StoredTrial

SPACE: dict[str, BaseDistribution] = {
    "place": IntDistribution(0, 10_000),
    "rate": FloatDistribution(1e-5, 1.0, log=True),
    "cell": CategoricalDistribution(["rnn", "gru"]),
}


def point(place: int) -> Proposal:
    return Proposal({"place": place, "rate": 10 ** -(1 + place % 4), "cell": ("rnn", "gru")[place % 2]}, SPACE)


def grid(size: int) -> Callable[[int, list[StoredTrial], list[StoredTrial]], list[Proposal]]:
    def propose(number: int, finished: list[StoredTrial], pending: list[StoredTrial]) -> list[Proposal]:
        taken = {trial.params["place"] for trial in [*finished, *pending]}
        return [point(place) for place in range(size) if place not in taken][:number]

    return propose
