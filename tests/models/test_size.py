"""Parameter counts and units for a budget, compared with the paper's numbers and with real networks."""

from __future__ import annotations

from typing import Any

import pytest

from rnn_capacity.cells import CELLS
from rnn_capacity.models import RecurrentNetwork, Stack, parameter_count, units_for_budget

GATES = {"rnn": 1, "irnn": 1, "ugrnn": 2, "gru": 3, "lstm": 4, "intersection": 4}
SHAPES = [(1, 1, 1), (4, 3, 2), (3, 7, 5), (9, 9, 1)]  # n, inputs, outputs


@pytest.mark.parametrize(("units", "count"), [(210, 1_268_217), (211, 1_280_164)])
def test_the_released_text8_lstm_has_its_published_count(units: int, count: int) -> None:
    assert parameter_count("lstm", 4, units, 27, 27) == count


@pytest.mark.parametrize(
    ("cell", "depth", "budget", "inputs", "outputs", "units"),
    [
        ("lstm", 4, 1_280_000, 27, 27, 210),
        ("rnn", 1, 200_000, 300, 100, 289),  # parentheses
        ("ugrnn", 1, 200_000, 300, 100, 185),
        ("gru", 1, 200_000, 300, 100, 140),
        ("lstm", 1, 200_000, 300, 100, 113),
        ("rnn", 8, 200_000, 300, 100, 102),
        ("ugrnn", 8, 200_000, 300, 100, 70),
        ("gru", 8, 200_000, 300, 100, 56),
        ("lstm", 8, 200_000, 300, 100, 47),
        ("intersection", 8, 200_000, 300, 100, 52),
        ("rnn", 1, 1_280_000, 27, 27, 1103),  # text8
        ("ugrnn", 1, 1_280_000, 27, 27, 779),
        ("gru", 1, 1_280_000, 27, 27, 634),
        ("lstm", 1, 1_280_000, 27, 27, 548),
    ],
)
def test_a_budget_gives_the_published_units(
    cell: str, depth: int, budget: int, inputs: int, outputs: int, units: int
) -> None:
    assert units_for_budget(cell, depth, budget, inputs, outputs) == units


@pytest.mark.parametrize(("n", "m", "o"), SHAPES)
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_the_count_matches_the_papers_formula(cell: str, depth: int, n: int, m: int, o: int) -> None:
    gates, states = GATES[cell], 2 if cell == "lstm" else 1
    total = n * o + o
    below = m
    if cell == "intersection":
        total += n * m + n
        below = n
    for _ in range(depth):
        total += gates * (n * n + n * below + n) + states * n
        below = n
    assert parameter_count(cell, depth, n, m, o) == total


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize(("n", "m", "o"), SHAPES)
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_the_count_matches_the_network(cell: str, depth: int, n: int, m: int, o: int, layer_norm: bool) -> None:
    stack = Stack(cell, depth, m, n, layer_norm=layer_norm)
    size = sum(parameter.numel() for parameter in stack.parameters())
    assert parameter_count(cell, depth, n, m, o, layer_norm=layer_norm) == size + o * n + o


@pytest.mark.parametrize(
    "options",
    [
        {"residual": True},
        {"dropout": 0.5, "recurrent_dropout": 0.5},
        {"nonlinearity": "relu"},
        {"cell_options": {"b_fg": 2.0}},
    ],
)
def test_other_options_add_no_parameters(options: dict[str, Any]) -> None:
    network = RecurrentNetwork("gru", 3, 5, 4, 2, **options)
    assert parameter_count("gru", 3, 4, 5, 2) == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("budget", [214, 999, 20_000, 1_000_003])
@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_the_units_for_a_budget_fit_and_one_more_does_not(cell: str, depth: int, budget: int, layer_norm: bool) -> None:
    def count(n: int) -> int:
        return parameter_count(cell, depth, n, 9, 9, layer_norm=layer_norm)

    units = units_for_budget(cell, depth, budget, 9, 9, layer_norm=layer_norm)
    assert count(units) <= budget < count(units + 1)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("units", [1, 2, 3, 17])
def test_a_budget_that_is_met_exactly_is_used_up(cell: str, units: int) -> None:
    count = parameter_count(cell, 2, units, 5, 3)
    assert units_for_budget(cell, 2, count, 5, 3) == units
    if units > 1:
        assert units_for_budget(cell, 2, count - 1, 5, 3) == units - 1


@pytest.mark.parametrize("cell", CELLS)
def test_a_cells_name_and_class_give_the_same_count(cell: str) -> None:
    assert parameter_count(CELLS[cell], 2, 6, 5, 3) == parameter_count(cell, 2, 6, 5, 3)
    assert units_for_budget(CELLS[cell], 2, 5000, 5, 3) == units_for_budget(cell, 2, 5000, 5, 3)


def test_a_budget_below_one_unit_is_refused_with_the_least_budget() -> None:
    least = parameter_count("lstm", 4, 1, 27, 27)
    message = f"max_parameters must be at least {least}, those of one unit a layer with depth 4, 27 .*, got {least - 1}"
    with pytest.raises(ValueError, match=message):
        units_for_budget("lstm", 4, least - 1, 27, 27)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("elman", 1, 100, 5, 3), "cell must be one of rnn, irnn, ugrnn, .*; got 'elman'"),
        (("gru", 0, 100, 5, 3), "depth must be at least 1, got 0"),
        (("gru", 1, 100, 0, 3), "input_size must be at least 1, got 0"),
        (("gru", 1, 100, 5, -1), "output_size must be at least 1, got -1"),
    ],
)
def test_sizes_out_of_range_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parameter_count(*arguments)
    with pytest.raises(ValueError, match=message):
        units_for_budget(*arguments)


def test_a_network_has_at_least_one_unit_a_layer() -> None:
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        parameter_count("gru", 1, 0, 5, 3)
