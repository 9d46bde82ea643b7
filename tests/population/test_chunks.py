"""Which members make their steps together, and that it does not matter to any of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from rnn_capacity.population.memory import chunk_bytes, keep_freed_memory
from torch import Tensor

from rnn_capacity import tasks
from rnn_capacity.population import Member, memory, train
from rnn_capacity.population import plan as planning
from rnn_capacity.population.plan import chunks, kept_bytes, plan
from tests.population.members import member, weights

CPU = torch.device("cpu")


def places(members: list[Member]) -> list[list[int]]:
    found = chunks([plan(place, one) for place, one in enumerate(members)], CPU)
    return [[one.place for one in chunk] for chunk in found]


def trained(make: Callable[[int], Member], whom: list[int], place: int = 0) -> Tensor:
    """The weights of one of several members that train together."""
    members = [make(which) for which in whom]
    train(members)
    return weights(members[place])


@pytest.mark.parametrize(
    ("cell", "steps", "tolerance"), [("gru", 1, 1e-12), ("intersection", 1, 1e-12), ("gru", 200, 1e-9)]
)
def test_the_company_does_not_matter(cell: str, steps: int, tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(place: int) -> Member:
        data = tasks.RandomMapping(samples=40 + place, input_size=6, steps=3)
        return member(place, steps, cell, data=data)

    seven = list(range(7))
    found = {
        "alone": trained(make, [3]),
        "among seven": trained(make, seven, 3),
        "at the front": trained(make, [3, *range(3), *range(4, 7)]),
        "at the end": trained(make, [*range(3), *range(4, 7), 3], 6),
        "beside itself": trained(make, [3, 3, 3], 1),
    }
    pair = 2 * max(kept_bytes(plan(place, make(place))) for place in seven)
    monkeypatch.setattr(planning, "chunk_bytes", lambda device: pair)
    assert [len(chunk) for chunk in places([make(place) for place in seven])] == [2, 2, 2, 1]
    found["in pairs"] = trained(make, seven, 3)
    torch.testing.assert_close(found, dict.fromkeys(found, found["alone"]), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("spare", "expected"), [(0, [[10], [98, 100, 105], [990, 1000]]), (2 * 10**5, [[10, 98, 100, 105], [990, 1000]])]
)
def test_samples_are_bucketed(spare: int, expected: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SPARE_BYTES", spare)
    counts = (1000, 100, 10, 105, 990, 98)
    members = [
        member(place, 1, data=tasks.RandomMapping(samples=count, input_size=12)) for place, count in enumerate(counts)
    ]
    found = [[counts[place] for place in chunk] for chunk in places(members)]
    assert found == expected


def test_what_members_of_a_chunk_must_share() -> None:
    like = [member(place, 10 + place) for place in range(2)]
    assert len(places(like)) == 1
    others = [
        member(0, 10, "gru"),
        member(0, 10, kind="sgd"),
        member(0, 10, hidden_size=5),
        member(0, 10, depth=2),
        member(0, 10, nonlinearity="relu"),
        member(0, 10, layer_norm=True),
        member(0, 10, data=tasks.RandomMapping(samples=20, input_size=6, steps=4)),
        member(0, 10, data=tasks.RandomMapping(samples=20, input_size=6, steps=3, loss_from=2)),
    ]
    for other in others:
        assert sorted(map(len, places([*like, other]))) == [1, 2]
    single = member(0, 10)
    single.module.float()
    assert sorted(map(len, places([*like, single]))) == [1, 2]


def test_a_chunk_fits_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [member(0, 1) for _ in range(7)]
    one = kept_bytes(plan(0, members[0]))
    for room, sizes in ((7 * one, [7]), (7 * one - 1, [6, 1]), (3 * one, [3, 3, 1]), (one, [1] * 7), (1, [1] * 7)):
        monkeypatch.setattr(memory, "CPU_BYTES", room)
        assert [len(chunk) for chunk in places(members)] == sizes


def test_memory_grows_with_what_is_kept() -> None:
    def bytes_of(**given: int) -> int:
        data = tasks.RandomMapping(
            samples=given.pop("samples", 40), input_size=9, steps=given.pop("steps", 3), batch_size=20
        )
        return kept_bytes(plan(0, member(0, 1, "lstm", data=data, **given)))

    parameters = 4 * 4 * (4 + 9 + 1) + 2 * 4 + 5  # gates, initial states, readout
    always = 8 * (5 * parameters + 1)  # weights, gradients twice, two means; the rate of the one step
    kept = 2 * 2 * 4 + 4 * 4 + 9  # both states and what they were, the gates, the input
    assert bytes_of() == 8 * kept * 3 * 20 + always
    assert bytes_of(steps=6) == 8 * kept * 6 * 20 + always
    assert bytes_of(samples=400) == bytes_of()  # the batch is what counts
    assert bytes_of(samples=10) == 8 * kept * 3 * 10 + always
    assert bytes_of(depth=2) > bytes_of()


def test_the_allocator_may_be_told_twice() -> None:
    assert chunk_bytes(CPU) == memory.CPU_BYTES
    for _ in range(2):
        keep_freed_memory.cache_clear()
        keep_freed_memory()
        assert torch.ones(2**20).sum() == 2**20


def test_where_there_is_no_such_allocator_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: object) -> object:
        raise OSError("no such library")

    monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: pytest.fail("asked for"))
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    keep_freed_memory.cache_clear()
