"""The result of a member is that of the same network trained alone by `fit`."""

from __future__ import annotations

from functools import partial

import pytest
from torch.optim import Adam

from rnn_capacity.cells import CELLS
from rnn_capacity.population import Member, train
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
