"""At learning rates that amplify rounding, a member deviates from `fit` no more than a rounding-perturbed `fit`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adam, RMSprop

from rnn_capacity.population import Member, train
from tests.kernel_builds import kernel_build
from tests.population.members import alone, member, weights

STEPS = 200
EPS = torch.finfo(torch.float64).eps

RATES: dict[str, Callable[..., Any]] = {
    "adam 0.01": partial(Adam, lr=0.01),
    "adam 0.1": partial(Adam, lr=0.1),
    "rmsprop 0.01": partial(RMSprop, lr=0.01),
    "sgd 0.1": partial(SGD, lr=0.1),
}


@pytest.fixture(autouse=True)
def build() -> None:
    """The tests choose the build themselves, so that each member is trained alone only once."""


def drift(make: Callable[[int], Member], perturbations: int) -> tuple[float, list[float]]:
    """Largest deviations from `fit`: of runs from weights with other rounding, and of a member by each build."""
    wanted, _ = alone(make(0))
    apart = []
    for seed in range(perturbations):
        one = make(0)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in one.module.parameters():
                signs = torch.randn(parameter.shape, dtype=parameter.dtype, generator=random).sign()
                parameter.mul_(1 + signs * EPS)
        apart.append(float((alone(one)[0] - wanted).abs().max()))
    found = []
    for build in ("off", "auto"):
        together = [make(0), make(1)]
        with kernel_build(build):
            train(together)
        found.append(float((weights(together[0]) - wanted).abs().max()))
    return max(apart), found


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("kind", RATES)
def test_high_rates_amplify_rounding_no_more_than_in_fit(kind: str, cell: str) -> None:
    def make(index: int) -> Member:
        options = {"clip_norm": None, "clip_value": None, "schedule": None}
        return member(index, STEPS, cell, "high", optimizer=RATES[kind], **options)

    apart, found = drift(make, 3)
    size = float(weights(make(0)).abs().max())
    factor = 10 if apart > 1e5 * EPS else 2  # where rounding grows that much, only the order of magnitude tells
    # the run is perturbed once, a member at every step
    assert max(found) <= factor * apart + STEPS * EPS * max(1.0, size)


def test_a_short_memory_of_rmsprop_amplifies_rounding_no_more_than_in_fit() -> None:
    """A second moment of so short a memory multiplies rounding by thousands: the orders of magnitude are compared."""

    def make(index: int) -> Member:
        return member(index, STEPS, "rnn", "short memory", optimizer=partial(RMSprop, lr=1e-3, alpha=0.9))

    apart, found = drift(make, 4)
    assert apart > 1e6 * EPS
    assert max(found) <= 10 * apart
