"""The computed learning rates are those that the scheduler sets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

from rnn_capacity.population import Member
from rnn_capacity.training import TotalDecay
from rnn_capacity.training.learning_rates import cosine_factors, learning_rates
from tests.population.members import compare, member, plans_of

STEPS = 120


def one_cycle(optimizer: Any, steps: int, **options: Any) -> OneCycleLR:
    return OneCycleLR(optimizer, max_lr=0.1, total_steps=steps, **options)


def warm_then_cosine(optimizer: Any, steps: int) -> SequentialLR:
    warm = LambdaLR(optimizer, lambda step: (step + 1) / 10)
    return SequentialLR(optimizer, [warm, CosineAnnealingLR(optimizer, steps - 10)], [10])


class Halved(LambdaLR):
    """A subclass that computes the learning rate in its own way."""

    def get_lr(self) -> list[float]:
        return [rate * 0.5**self.last_epoch for rate in self.base_lrs]


SCHEDULES: dict[str, Callable[..., Any] | None] = {
    "none": None,
    "total decay": partial(TotalDecay, decay=1e-3),
    "no decay": partial(TotalDecay, decay=1.0),
    "cosine": CosineAnnealingLR,
    "cosine above zero": partial(CosineAnnealingLR, eta_min=1e-4),
    "cosine up again": lambda optimizer, steps: CosineAnnealingLR(optimizer, steps // 3),
    "steps": lambda optimizer, steps: StepLR(optimizer, 17, gamma=0.3),
    "exponential": lambda optimizer, steps: ExponentialLR(optimizer, 0.97),
    "halved": lambda optimizer, steps: Halved(optimizer, lambda step: 1.0),
    "restarts": lambda optimizer, steps: CosineAnnealingWarmRestarts(optimizer, 25),
    "one cycle": partial(one_cycle, cycle_momentum=False),
    "one after another": warm_then_cosine,
}


@pytest.fixture(autouse=True)
def no_remembered_schedules() -> None:
    cosine_factors.cache_clear()


def build(schedule: Callable[..., Any] | None, rate: float, steps: int) -> tuple[Any, Any]:
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=rate)
    return optimizer, None if schedule is None else schedule(optimizer, steps)


def scheduler_rates(schedule: Callable[..., Any] | None, rate: float, steps: int) -> Tensor:
    """Step a scheduler and record the learning rates."""
    optimizer, scheduler = build(schedule, rate, steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return torch.tensor(seen, dtype=torch.float64)


def computed_rates(schedule: Callable[..., Any] | None, rate: float, steps: int) -> Tensor:
    result = learning_rates(*build(schedule, rate, steps), steps)
    assert result is not None
    return result


@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")  # torch's own SequentialLR
@pytest.mark.parametrize("rate", [0.3, 1e-3])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_rate_matches_the_scheduler(name: str, rate: float) -> None:
    wanted = scheduler_rates(SCHEDULES[name], rate, STEPS)
    torch.testing.assert_close(computed_rates(SCHEDULES[name], rate, STEPS), wanted, rtol=1e-15, atol=1e-15 * rate)
    if name not in ("none", "no decay"):
        assert len(wanted.unique()) > 2


def test_a_cached_cosine_schedule_has_its_own_length_and_rate() -> None:
    lengths, scales = (STEPS, STEPS // 2, 3 * STEPS), (1.0, 0.1, 7e-5)
    for length in lengths:
        for rate in scales:
            for steps in (STEPS, STEPS + 40):

                def schedule(optimizer: Any, steps: int, length: int = length) -> CosineAnnealingLR:
                    return CosineAnnealingLR(optimizer, length)

                wanted = scheduler_rates(schedule, rate, steps)
                for _ in range(2):
                    torch.testing.assert_close(
                        computed_rates(schedule, rate, steps), wanted, rtol=1e-14, atol=1e-15 * rate
                    )
    assert cosine_factors.cache_info().currsize == len(lengths) * 2


def test_a_cosine_schedule_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = computed_rates(CosineAnnealingLR, 0.1, STEPS)
    module = import_module("rnn_capacity.training.learning_rates")  # the package exports a function of this name
    monkeypatch.setattr(module, "step_through", lambda *_: pytest.fail("stepped again"))
    torch.testing.assert_close(computed_rates(CosineAnnealingLR, 0.2, STEPS), 2 * first, rtol=1e-15, atol=0)


def test_a_cosine_schedule_in_the_middle_of_its_run_goes_on() -> None:
    whole = scheduler_rates(CosineAnnealingLR, 0.1, STEPS)
    optimizer, schedule = build(CosineAnnealingLR, 0.1, STEPS)
    for _ in range(30):
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(learning_rates(optimizer, schedule, STEPS - 30), whole[30:], rtol=1e-12, atol=1e-16)


def test_a_rate_of_zero_stays_zero() -> None:
    for schedule in (CosineAnnealingLR, partial(TotalDecay, decay=0.1), None):
        assert not computed_rates(schedule, 0.0, STEPS).any()


@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")  # torch's own SequentialLR
@pytest.mark.parametrize("name", SCHEDULES)
def test_members_follow_their_schedules(name: str) -> None:
    compare(lambda index: member(index, 30, schedule=SCHEDULES[name]), 2, 1e-9)


@pytest.mark.parametrize("kind", [partial(SGD, momentum=0.9), Adam])
def test_a_schedule_that_also_changes_the_momentum_is_left_to_fit(kind: Callable[..., Any]) -> None:
    def make(index: int) -> Member:
        return member(index, 30, kind="cycled", optimizer=partial(kind, lr=1e-3), schedule=one_cycle)

    assert plans_of([make(0)])[0].optimizer is None
    compare(make, 2, 1e-12)
