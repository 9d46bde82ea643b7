"""Compiled steps give the same results, and are kept where they are faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity import tasks
from rnn_capacity.population import Member, compiling, train
from rnn_capacity.population.compiling import choose, faster
from tests.population.members import member, weights


def square(values: Tensor) -> Tensor:
    return values * values


def twin(values: Tensor) -> Tensor:
    return values**2


def fake(monkeypatch: pytest.MonkeyPatch, compiled: Callable[..., Tensor], taken: dict[Any, float]) -> None:
    monkeypatch.setattr(torch, "compile", lambda function: compiled)
    monkeypatch.setattr(compiling, "seconds", lambda function, arguments: taken[function])


@pytest.mark.parametrize(("plain", "compiled"), [(2.0, 1.0), (1.0, 2.0), (1.0, 1.0)])
def test_the_faster_is_chosen(plain: float, compiled: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, twin, {square: plain, twin: compiled})
    assert choose(square, (torch.ones(3),)) is (twin if compiled < plain else square)


def test_what_cannot_be_compiled_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(values: Tensor) -> Tensor:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", lambda function: broken)
    values = torch.ones(3, requires_grad=True)
    assert choose(square, (values,)) is square
    assert torch.equal(faster(square)(values), square(values))


def test_it_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(torch, "compile", lambda function: asked.append(function) or function)
    run = faster(square)
    values = torch.ones(3, requires_grad=True)
    for _ in range(3):
        assert torch.equal(run(values), square(values))
    assert asked == [square]


def test_the_time_of_the_gradient_counts() -> None:
    class Counted(torch.autograd.Function):
        calls: list[str] = []  # noqa: RUF012 (of this test)

        @staticmethod
        def forward(ctx: Any, values: Tensor) -> Tensor:
            Counted.calls.append("there")
            return values.clone()

        @staticmethod
        def backward(ctx: Any, above: Tensor) -> Tensor:
            Counted.calls.append("back")
            return above

    function: Any = Counted.apply  # torch types none of it
    taken = compiling.seconds(function, (torch.ones(3, requires_grad=True),))
    assert 0 < taken < 1
    assert Counted.calls == ["there", "back"] * (2 + compiling.TRIED)


@pytest.mark.parametrize("cell", ["gru", "tests.own_cell.MinimalGatedUnit"])
def test_compiled_members_are_the_same(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(100, 0, -1))
    ran: list[int] = []

    def seconds(function: Callable[..., Tensor], arguments: tuple[Any, ...]) -> float:
        ran.append(len(function(*arguments)))  # so that what cannot be compiled is told of
        return float(next(times))  # the later, the faster: what is compiled

    monkeypatch.setattr(compiling, "seconds", seconds)

    def make(place: int) -> Member:
        data = tasks.RandomMapping(samples=20 + 2 * place, input_size=6, steps=2)
        one = member(place, 20, cell, b_fg=0.0, data=data)
        one.module.float()
        return one

    found, wanted = ([make(place) for place in range(2)] for _ in range(2))
    results = train(found, compiled=True)
    assert ran == [2, 2]
    for place, figures in enumerate(train(wanted)):
        assert results[place]["loss"] == pytest.approx(figures["loss"], rel=1e-5)
        torch.testing.assert_close(weights(found[place]), weights(wanted[place]), rtol=1e-6, atol=1e-6)
