"""A member's result is that of the same trial trained alone by `fit`."""

from __future__ import annotations

from functools import partial

import pytest
from torch.optim import Adam

from rnn_capacity.cells import CELLS
from rnn_capacity.population import Member, train
from tests.population.members import OPTIMIZERS, compare, member


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_one_step_is_that_of_each_member_alone(cell: str, kind: str) -> None:
    compare(lambda place: member(place, 1, cell, kind), 4, 1e-12)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [(cell, list(OPTIMIZERS)[place]) for place, cell in enumerate(CELLS)] + [("gru", kind) for kind in OPTIMIZERS],
)
def test_two_hundred_steps_are_those_of_each_member_alone(cell: str, kind: str) -> None:
    compare(lambda place: member(place, 200, cell, kind), 2, 1e-9)


def test_adam_without_a_mean() -> None:
    factory = partial(Adam, lr=1e-3, betas=(0.0, 0.9))
    compare(lambda place: member(place, 5, "gru", "no mean", optimizer=factory), 3, 1e-11)


def test_members_of_other_lengths_leave_early() -> None:
    compare(lambda place: member(place, 30 + 40 * place), 4, 1e-9)


def test_a_mixture_is_sorted_into_chunks() -> None:
    def make(place: int) -> Member:
        return member(place, 20, ("rnn", "gru")[place % 2], ("adam", "sgd")[place // 2 % 2])

    compare(make, 8, 1e-9)


def test_results_come_as_members_finish() -> None:
    seen: list[tuple[int, int]] = []
    steps: list[int] = []
    results = train(
        [member(0, 120), member(1, 30)],
        on_result=lambda place, figures: seen.append((place, figures["steps"])),
        on_call=steps.append,
    )
    assert seen == [(1, 30), (0, 120)]
    assert steps == [30, 80, 120]
    assert [result["steps"] for result in results] == [120, 30]
