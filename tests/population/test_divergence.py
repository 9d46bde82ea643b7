"""A diverged member does not affect the others and makes no more steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import SGD

from rnn_capacity.population import Member, train
from rnn_capacity.population.chunk import Chunk
from rnn_capacity.training.kernel_training import KernelTrainer, KernelTraining
from tests.population.members import alone, member, weights

STEPS = 120


def make(index: int, wild: tuple[int, ...] = (1,), steps_per_call: int = 50) -> Member:
    """One of three members, of which the second diverges."""
    options: dict[str, Any] = {
        "kind": "sgd",
        "nonlinearity": "relu",
        "clip_norm": None,
        "clip_value": None,
        "schedule": None,
        "steps_per_call": steps_per_call,
    }
    if index in wild:
        options |= {"kind": "wild", "optimizer": partial(SGD, lr=1e6)}
    return member(index, STEPS, **options)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the number of networks of every step."""
    counts: list[int] = []
    step, make_steps = Chunk.step, KernelTrainer.make_steps

    def counted_step(self: Chunk, *arguments: Any) -> Tensor:
        losses = step(self, *arguments)
        counts.append(len(losses))
        return losses

    def counted_steps(self: KernelTrainer, trainings: list[KernelTraining], steps: int) -> Tensor:
        counts.extend([len(trainings)] * steps)
        return make_steps(self, trainings, steps)

    monkeypatch.setattr(Chunk, "step", counted_step)
    monkeypatch.setattr(KernelTrainer, "make_steps", counted_steps)
    return counts


def test_a_diverged_member_is_infeasible_and_the_others_continue() -> None:
    together = [make(index) for index in range(3)]
    results = train(together)
    assert [result["feasible"] for result in results] == [True, False, True]
    assert results[1]["bits_per_parameter"] == 0.0
    solo = make(1)
    assert results[1]["diverged_at"] == alone(solo)[1]["diverged_at"]
    assert results[1]["steps"] == solo.module.steps_trained
    for index in (0, 2):
        torch.testing.assert_close(weights(together[index]), alone(make(index))[0], rtol=1e-9, atol=1e-9)


def test_a_diverged_member_makes_no_more_steps(seen: list[int]) -> None:
    train([make(index) for index in range(3)])
    assert seen == [3] * 50 + [2] * (STEPS - 50)


def test_divergence_is_checked_after_the_shortest_call_of_a_member(seen: list[int]) -> None:
    train([make(0), make(1, steps_per_call=20), make(2, steps_per_call=40)])
    assert seen == [3] * 20 + [2] * (STEPS - 20)


def test_training_ends_when_all_members_have_diverged(seen: list[int]) -> None:
    results = train([make(index, (0, 1, 2)) for index in range(3)])
    assert seen == [3] * 50
    assert not any(result["feasible"] for result in results)


def test_finished_members_make_no_more_steps(seen: list[int]) -> None:
    train([member(index, 40 * (1 + index)) for index in range(3)])
    assert seen == [3] * 40 + [2] * 40 + [1] * 40


def test_a_divergence_in_the_last_step_is_detected() -> None:
    """The evaluation detects a member that diverges in its last step."""

    def last(index: int) -> Member:
        optimizer = partial(SGD, lr=1e9 if index else 1e-3)
        return member(index, 1, kind="one", optimizer=optimizer, clip_norm=None, clip_value=None, schedule=None)

    results = train([last(0), last(1)])
    for index in range(2):
        metrics = alone(last(index))[1]
        assert {name: results[index][name] for name in ("feasible", "diverged_at")} == {
            name: metrics[name] for name in ("feasible", "diverged_at")
        }
    assert [result["feasible"] for result in results] == [True, False]


def test_a_gradient_of_infinite_norm_is_clipped_only_with_clip_norm() -> None:
    """In float32 the squares of such a gradient overflow. Without clipping, Adam makes no step with it."""

    def great(index: int) -> Member:
        one = member(
            index, 1, kind="adam", nonlinearity="relu", clip_value=None, clip_norm=0.02 if index else None, l2=0.0
        )
        one.module.float()
        with torch.no_grad():
            for name, parameter in one.module.network.named_parameters():
                if "readout" in name:
                    parameter.mul_(1e-25)
                elif index == 0:
                    parameter.mul_(1e12 if "recurrent" not in name else 1e5)
        return one

    together = [great(0), great(1)]
    train(together)
    for index in range(2):
        assert bool(weights(together[index]).isfinite().all())
        torch.testing.assert_close(weights(together[index]), alone(great(index))[0], rtol=1e-5, atol=1e-5)
