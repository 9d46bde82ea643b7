"""Division of members into chunks, and independence of each member's result from the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity import tasks
from rnn_capacity.population import Member, memory_limits, train
from rnn_capacity.population import plan as planning
from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.memory_limits import chunk_bytes, keep_freed_memory
from rnn_capacity.population.plan import make_chunks, member_bytes
from tests.population.members import member, plans_of, weights

CPU = torch.device("cpu")


def chunk_indices(members: list[Member]) -> list[list[int]]:
    """Indices of the members of each chunk."""
    return [[plan.index for plan in chunk] for chunk in make_chunks(plans_of(members), CPU)]


def trained(make: Callable[[int], Member], indices: list[int], index: int = 0) -> Tensor:
    """Train several members together; return the weights of one."""
    members = [make(which) for which in indices]
    train(members)
    return weights(members[index])


@pytest.mark.parametrize(
    ("cell", "steps", "tolerance"), [("gru", 1, 1e-12), ("intersection", 1, 1e-12), ("gru", 200, 1e-9)]
)
def test_the_result_of_a_member_does_not_depend_on_the_others(
    cell: str, steps: int, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(index: int) -> Member:
        task = tasks.RandomMapping(samples=40 + index, input_size=6, steps=3)
        return member(index, steps, cell, task=task)

    seven = list(range(7))
    found = {
        "alone": trained(make, [3]),
        "among seven": trained(make, seven, 3),
        "at the front": trained(make, [3, *range(3), *range(4, 7)]),
        "at the end": trained(make, [*range(3), *range(4, 7), 3], 6),
        "beside itself": trained(make, [3, 3, 3], 1),
    }
    pair = 2 * max(map(member_bytes, plans_of([make(index) for index in seven])))
    monkeypatch.setattr(planning, "chunk_bytes", lambda device: pair)
    assert [len(chunk) for chunk in chunk_indices([make(index) for index in seven])] == [2, 2, 2, 1]
    found["in pairs"] = trained(make, seven, 3)
    torch.testing.assert_close(found, dict.fromkeys(found, found["alone"]), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("spare", "expected"), [(0, [[10], [98, 100, 105], [990, 1000]]), (2 * 10**5, [[10, 98, 100, 105], [990, 1000]])]
)
def test_members_with_similar_numbers_of_samples_share_a_chunk(
    spare: int, expected: list[list[int]], build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "SPARE_BYTES", spare)
    counts = (1000, 100, 10, 105, 990, 98)
    members = [
        member(index, 1, task=tasks.RandomMapping(samples=count, input_size=12)) for index, count in enumerate(counts)
    ]
    found = [[counts[index] for index in chunk] for chunk in chunk_indices(members)]
    assert found == (expected if build == "off" else [[10, 98, 100, 105, 990, 1000]])  # the kernel does not pad


def test_members_of_different_layout_optimizer_or_task_do_not_share_a_chunk(build: str) -> None:
    like = [member(index, 10 + index) for index in range(2)]
    assert len(chunk_indices(like)) == 1
    others = [
        member(0, 10, "gru"),
        member(0, 10, hidden_size=5),
        member(0, 10, depth=2),
        member(0, 10, nonlinearity="relu"),
        member(0, 10, layer_norm=True),
        member(0, 10, task=tasks.RandomMapping(samples=20, input_size=6, steps=4)),
        member(0, 10, task=tasks.RandomMapping(samples=20, input_size=6, steps=3, loss_from=2)),
    ]
    for other in others:
        assert sorted(map(len, chunk_indices([*like, other]))) == [1, 2]
    sgd = member(0, 10, kind="sgd")
    assert sorted(map(len, chunk_indices([*like, sgd]))) == ([1, 2] if build == "off" else [3])
    single = member(0, 10)
    single.module.float()
    assert sorted(map(len, chunk_indices([*like, single]))) == [1, 2]


@pytest.mark.parametrize("build", ["off"], indirect=True)
@pytest.mark.parametrize("cell", ["gru", "tests.own_cell.MinimalGatedUnit"])
def test_members_leave_although_a_graph_of_earlier_steps_is_alive(
    cell: str, build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [member(index, 5 + 5 * index, cell, b_fg=0.0) for index in range(3)]
    chunk, graphs = Chunk(plans_of(members), CPU), []

    def compute(self: Chunk, *given: Any) -> Tensor:
        graphs.append(losses(self, *given))
        return graphs[-1]

    losses = Chunk._losses
    monkeypatch.setattr(Chunk, "_losses", compute)
    while chunk.plans:
        chunk.advance()
    assert len(graphs) == 15
    expected = [trained(lambda index: member(index, 5 + 5 * index, cell, b_fg=0.0), [0, 1, 2], row) for row in range(3)]
    torch.testing.assert_close([weights(one) for one in members], expected, rtol=0, atol=0)


def test_a_chunk_fits_the_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [member(0, 1) for _ in range(7)]
    one = member_bytes(plans_of(members)[0])
    for limit, sizes in ((7 * one, [7]), (7 * one - 1, [6, 1]), (3 * one, [3, 3, 1]), (one, [1] * 7), (1, [1] * 7)):
        monkeypatch.setattr(memory_limits, "CPU_BYTES", limit)
        assert [len(chunk) for chunk in chunk_indices(members)] == sizes


def test_the_memory_of_a_member_counts_activations_and_weights(build: str) -> None:
    def bytes_of(**options: int) -> int:
        task = tasks.RandomMapping(
            samples=options.pop("samples", 40), input_size=9, steps=options.pop("steps", 3), batch_size=20
        )
        (plan,) = plans_of([member(0, 1, "lstm", task=task, **options)])
        return member_bytes(plan)

    parameters = 4 * 4 * (4 + 9 + 1) + 2 * 4 + 5  # gates, initial states, readout
    always = 8 * (5 * parameters + 1)  # weights, gradients twice, two means; the rate of the one step
    kept = 2 * 2 * 4 + 4 * 4 + 9  # both states and what they were, the gates, the input
    if build != "off":
        kept = 0  # the compiled kernel keeps no activations
    assert bytes_of() == 8 * kept * 3 * 20 + always
    assert bytes_of(steps=6) == 8 * kept * 6 * 20 + always
    assert bytes_of(samples=400) == bytes_of()  # the batch is what counts
    assert bytes_of(samples=10) == 8 * kept * 3 * 10 + always
    assert bytes_of(depth=2) > bytes_of()


def test_the_allocator_can_be_configured_twice() -> None:
    assert chunk_bytes(CPU) == memory_limits.CPU_BYTES
    for _ in range(2):
        keep_freed_memory.cache_clear()
        keep_freed_memory()
        assert torch.ones(2**20).sum() == 2**20


def test_another_allocator_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: object) -> object:
        raise OSError("no such library")

    monkeypatch.setattr(memory_limits.ctypes, "CDLL", missing)
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    monkeypatch.setattr(memory_limits.ctypes, "CDLL", lambda name: object())
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    monkeypatch.setattr(memory_limits.sys, "platform", "darwin")
    monkeypatch.setattr(memory_limits.ctypes, "CDLL", lambda name: pytest.fail("asked for"))
    keep_freed_memory.cache_clear()
    keep_freed_memory()
    keep_freed_memory.cache_clear()
