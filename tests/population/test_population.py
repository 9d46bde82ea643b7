"""The result of a member is that of the same network trained alone by `fit`."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LinearLR, StepLR

from rnn_capacity.cells import CELLS
from rnn_capacity.population import Member, train
from rnn_capacity.population.plan import plan_member
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule
from tests.kernel_builds import kernel_build
from tests.population.members import OPTIMIZERS, compare, member

BUILDS = ("off", "auto")


@pytest.fixture(autouse=True)
def build() -> None:
    """The comparisons choose the build themselves, so that each member is trained alone only once."""


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_one_step_matches_fit(cell: str, kind: str) -> None:
    compare(lambda index: member(index, 1, cell, kind), 4, 1e-12, BUILDS)


@pytest.mark.parametrize(
    ("cell", "kind"),
    dict.fromkeys([*zip(CELLS, OPTIMIZERS, strict=False), *(("gru", kind) for kind in OPTIMIZERS)]),
)
def test_two_hundred_steps_match_fit(cell: str, kind: str) -> None:
    compare(lambda index: member(index, 200, cell, kind), 2, 1e-9, BUILDS)


def test_adam_with_a_first_beta_of_zero_matches_fit() -> None:
    factory = partial(Adam, lr=1e-3, betas=(0.0, 0.9))
    compare(lambda index: member(index, 5, "gru", "no mean", optimizer=factory), 3, 1e-11, BUILDS)


def test_members_of_different_lengths_match_fit() -> None:
    compare(lambda index: member(index, 30 + 40 * index), 4, 1e-9, BUILDS)


def test_a_mixture_of_cells_and_optimizers_matches_fit() -> None:
    def make(index: int) -> Member:
        return member(index, 20, ("rnn", "gru")[index % 2], ("adam", "sgd")[index // 2 % 2])

    compare(make, 8, 1e-9, BUILDS)


@pytest.mark.parametrize("build", BUILDS)
def test_results_are_reported_as_members_finish(build: str) -> None:
    seen: list[tuple[int, int]] = []
    steps: list[int] = []
    with kernel_build(build):
        results = train(
            [member(0, 120), member(1, 30)],
            on_result=lambda index, result: seen.append((index, result["steps"])),
            on_call=steps.append,
        )
    assert seen == [(1, 30), (0, 120)]
    assert steps == [30, 80, 120]
    assert [result["steps"] for result in results] == [120, 30]


@pytest.mark.parametrize(
    "schedule", [partial(StepLR, step_size=10), LinearLR, partial(CosineAnnealingWarmRestarts, T_0=20)]
)
def test_planning_a_member_does_not_use_up_its_schedule(schedule: Any) -> None:
    module = RecurrentModule("rnn", hidden_size=4, input_size=6, optimizer=partial(Adam, lr=0.02), schedule=schedule)
    member = Member(module, RandomMapping(samples=32, input_size=6, steps=3), 50)
    first, second = (plan_member(0, member, {}) for _ in range(2))
    assert torch.equal(first.rates, second.rates)
    assert first.settings == second.settings
