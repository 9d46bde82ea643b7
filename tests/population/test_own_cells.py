"""Cells of users: trained together by vmap where torch can map their code, otherwise alone by fit."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import NAdam

from rnn_capacity import tasks
from rnn_capacity.models import NetworkEnsemble
from rnn_capacity.population import Member, train
from rnn_capacity.population.plan import make_chunks, plan_member
from tests.population.members import compare, member

OWN = "tests.population.own_cells"


@pytest.fixture(autouse=True)
def build() -> str:
    """The compiled kernel knows no cells of users."""
    return "off"


def make(place: int, steps: int, cell: str, **given: Any) -> Member:
    return member(place, steps, cell, **{"b_fg": 0.0, **given})


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(
    "cell",
    [
        "tests.own_cell.MinimalGatedUnit",
        f"{OWN}.LeakyCell",
        f"{OWN}.TwoArgumentCell",
        f"{OWN}.OneNetworkCell",
        f"{OWN}.MixingCell",
    ],
)
def test_a_users_cell_is_mapped_over_the_networks(cell: str, depth: int) -> None:
    plans = [plan_member(place, make(place, 10, cell, depth=depth), {}) for place in range(3)]
    assert NetworkEnsemble([one.member.module.network for one in plans]).kernel is None
    assert all(one.optimizer is not None for one in plans)
    assert len(make_chunks(plans, torch.device("cpu"))) == 1
    compare(lambda place: make(place, 50, cell, depth=depth), 3, 1e-9)


@pytest.mark.parametrize("cell", [f"{OWN}.OneNetworkCell", f"{OWN}.LeakyCell"])
@pytest.mark.parametrize(
    "task",
    [
        tasks.Language(length=3000, steps=6, warmup=2, batch_size=4),
        tasks.Memory(input_size=4, steps=3, batch_size=8, evaluation_samples=20),
    ],
    ids=["language", "memory"],
)
def test_a_users_cell_learns_other_tasks(task: Any, cell: str) -> None:
    compare(lambda place: make(place, 20, cell, task=task), 3, 1e-9)


@pytest.mark.parametrize("cell", [f"{OWN}.BranchingCell", f"{OWN}.SilentlyBranchingCell"])
def test_a_cell_that_branches_on_values_is_trained_alone(cell: str) -> None:
    assert plan_member(0, make(0, 10, cell), {}).optimizer is None
    compare(lambda place: make(place, 10, cell), 3, 1e-12)


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "nadam", "optimizer": partial(NAdam, lr=1e-3)},
        {"dropout": 0.3, "depth": 2},
        {"recurrent_dropout": 0.3},
        {"freeze": [0]},
        {"layer_rates": [0.5]},
        {"cell": "tests.own_cell.MinimalGatedUnit", "freeze": [0]},
        {"cell": f"{OWN}.SpareCell"},
    ],
    ids=str,
)
def test_a_member_that_the_population_cannot_train_is_trained_alone(given: dict[str, Any]) -> None:
    assert plan_member(0, member(0, 10, **given), {}).optimizer is None
    compare(lambda place: member(place, 10, **given), 2, 1e-12)


def test_a_member_trained_alone_reports_its_steps() -> None:
    told: list[int] = []
    train([member(0, 120, dropout=0.3, depth=2)], on_call=told.append)
    assert told == [50, 100, 120]


@pytest.mark.parametrize(("cell", "name"), [("SlopeCell", "slope"), ("SignsCell", "strength")])
@pytest.mark.parametrize("difference", [0.1, 1e-7])
def test_cells_with_different_attributes_are_not_stacked(cell: str, name: str, difference: float) -> None:
    def other(place: int) -> Member:
        return make(place, 20, f"{OWN}.{cell}", cell_options={name: 0.5 + difference * place})

    plans = [plan_member(place, other(place), {}) for place in range(2)]
    assert all(one.optimizer is not None for one in plans)
    assert len(make_chunks(plans, torch.device("cpu"))) == 2
    compare(other, 2, 1e-9)


@pytest.mark.parametrize("size", [2, 4])
def test_each_network_has_its_own_buffers(size: int) -> None:
    def other(place: int) -> Member:
        return make(place, 20, f"{OWN}.BufferCell", hidden_size=size, cell_options={"scale": 0.5 + 0.3 * place})

    assert len(make_chunks([plan_member(place, other(place), {}) for place in range(size)], torch.device("cpu"))) == 1
    compare(other, size, 1e-9)  # as many networks as units: numbers that are mixed up would have the right shape
