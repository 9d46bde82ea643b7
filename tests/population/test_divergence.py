"""Members whose loss diverges leave the others alone, and cost nothing more."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import SGD

from rnn_capacity.population import Member, train
from rnn_capacity.population.chunk import Chunk
from tests.population.members import alone, member, weights

STEPS = 120


def make(place: int, wild: tuple[int, ...] = (1,), steps_per_call: int = 50) -> Member:
    """A member of three whose second diverges."""
    given: dict[str, Any] = {
        "kind": "sgd",
        "nonlinearity": "relu",
        "clip_norm": None,
        "clip_value": None,
        "schedule": None,
        "steps_per_call": steps_per_call,
    }
    if place in wild:
        given |= {"kind": "wild", "optimizer": partial(SGD, lr=1e6)}
    return member(place, STEPS, **given)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of networks of every step that is made."""
    counts: list[int] = []
    real = Chunk.step

    def step(self: Chunk, step: int, rates: Tensor) -> Tensor:
        losses = real(self, step, rates)
        counts.append(len(losses))
        return losses

    monkeypatch.setattr(Chunk, "step", step)
    return counts


def test_a_diverged_member_is_infeasible_and_the_others_go_on() -> None:
    together = [make(place) for place in range(3)]
    results = train(together)
    assert [result["feasible"] for result in results] == [True, False, True]
    assert results[1]["bits_per_parameter"] == 0.0
    solo = make(1)
    assert results[1]["diverged_at"] == alone(solo)[1]["diverged_at"]
    assert results[1]["steps"] == solo.module.steps_trained
    for place in (0, 2):
        torch.testing.assert_close(weights(together[place]), alone(make(place))[0], rtol=1e-9, atol=1e-9)


def test_a_diverged_member_makes_no_more_steps(seen: list[int]) -> None:
    train([make(place) for place in range(3)])
    assert seen == [3] * 50 + [2] * (STEPS - 50)


def test_the_shortest_call_of_a_member_counts(seen: list[int]) -> None:
    train([make(0), make(1, steps_per_call=20), make(2, steps_per_call=40)])
    assert seen == [3] * 20 + [2] * (STEPS - 20)


def test_where_all_diverge_no_more_steps_are_made(seen: list[int]) -> None:
    results = train([make(place, (0, 1, 2)) for place in range(3)])
    assert seen == [3] * 50
    assert not any(result["feasible"] for result in results)


def test_members_that_are_done_make_no_more_steps(seen: list[int]) -> None:
    train([member(place, 40 * (1 + place)) for place in range(3)])
    assert seen == [3] * 40 + [2] * 40 + [1] * 40


def test_the_last_loss_counts() -> None:
    """A member that diverges by its last step is found out by its figures."""

    def last(place: int) -> Member:
        optimizer = partial(SGD, lr=1e9 if place else 1e-3)
        return member(place, 1, kind="one", optimizer=optimizer, clip_norm=None, clip_value=None, schedule=None)

    results = train([last(0), last(1)])
    for place in range(2):
        figures = alone(last(place))[1]
        assert {name: results[place][name] for name in ("feasible", "diverged_at")} == {
            name: figures[name] for name in ("feasible", "diverged_at")
        }
    assert [result["feasible"] for result in results] == [True, False]


def test_a_gradient_whose_norm_is_infinite_is_clipped_where_clipping_is_asked_for() -> None:
    """Of float32: its squares overflow. Without clipping, RMSprop and Adam pass over such a gradient."""

    def great(place: int) -> Member:
        one = member(
            place, 3, kind="adam", nonlinearity="relu", clip_value=None, clip_norm=0.02 if place else None, l2=0.0
        )
        one.module.float()
        with torch.no_grad():
            for name, parameter in one.module.network.named_parameters():
                if "readout" in name:
                    parameter.mul_(1e-25)
                elif place == 0:
                    parameter.mul_(1e12 if "recurrent" not in name else 1e5)
        return one

    together = [great(0), great(1)]
    train(together)
    for place in range(2):
        assert bool(weights(together[place]).isfinite().all())
        torch.testing.assert_close(weights(together[place]), alone(great(place))[0], rtol=1e-5, atol=1e-5)
