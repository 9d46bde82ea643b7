"""The lookup of a cell's class by name, class path or class."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from rnn_capacity.cells import (
    CELLS,
    Cell,
    GRUCell,
    IntersectionRNNCell,
    IRNNCell,
    LSTMCell,
    Projected,
    RNNCell,
    State,
    UGRNNCell,
    cell_class,
)


class Decay(Cell):
    """A user's cell."""

    def step(self, projected: Projected, state: State, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, State]:
        hidden = 0.5 * state[0] + projected[0]
        return hidden, (hidden,)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rnn", RNNCell),
        ("irnn", IRNNCell),
        ("ugrnn", UGRNNCell),
        ("gru", GRUCell),
        ("lstm", LSTMCell),
        ("intersection", IntersectionRNNCell),
        ("rnn_capacity.cells.GRUCell", GRUCell),
        ("rnn_capacity.cells.gru.GRUCell", GRUCell),
        (GRUCell, GRUCell),
        (f"{__name__}.Decay", Decay),
        (Decay, Decay),
    ],
)
def test_a_cell_is_found_by_name_class_path_and_class(name: str | type[Cell], expected: type[Cell]) -> None:
    assert cell_class(name) is expected


def test_each_of_the_papers_six_cells_has_a_name() -> None:
    assert list(CELLS) == ["rnn", "irnn", "ugrnn", "gru", "lstm", "intersection"]


@pytest.mark.parametrize("name", ["", "GRU", "transformer", ".gru", "no.such.Cell", "rnn_capacity.cells.MinGRUCell"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="rnn, irnn, ugrnn, gru, lstm, intersection, or the class path") as refusal:
        cell_class(name)
    assert str(refusal.value).startswith("cell must be one of rnn,")
    assert f"got {name!r}" in str(refusal.value)


@pytest.mark.parametrize("name", ["", "GRU", ".gru"])
def test_the_refusal_of_a_name_that_is_no_class_path_ends_with_the_name(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"got {name!r}") + "$"):
        cell_class(name)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("no_such_module.Cell", "No module named 'no_such_module'"), ("rnn_capacity.cells.Mine", "no attribute 'Mine'")],
)
def test_a_class_path_that_cannot_be_imported_is_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        cell_class(path)


@pytest.mark.parametrize(
    "other", ["torch.nn.GRUCell", "torch.nn.functional.relu", "rnn_capacity.cells", torch.nn.Module, 3, ["gru"]]
)
def test_an_object_that_is_no_cell_is_refused(other: Any) -> None:
    with pytest.raises(ValueError, match=r"or the class path of a subclass of rnn_capacity\.cells\.Cell") as refusal:
        cell_class(other)
    assert str(refusal.value).endswith(f"got {other!r}")
