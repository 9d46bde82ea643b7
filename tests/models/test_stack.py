"""Stacks run over time, compared with their cells called step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS, State
from rnn_capacity.models import Stack

Randomise = Callable[[nn.Module], None]


def a_stack(cell: str, randomise: Randomise, depth: int = 2) -> Stack:
    stack = Stack(cell, depth, 3, 5, cell_options={"b_fg": 1.5})
    randomise(stack)
    return stack


def step_by_step(stack: Stack, inputs: Tensor) -> tuple[Tensor, list[State]]:
    """Run a stack by calling the cell of each layer step by step from the learned initial states."""
    states = [tuple(row.expand(inputs.shape[0], -1) for row in learned) for learned in stack.initial_states]
    outputs = []
    for step in inputs.unbind(1):
        below = step if stack.projection is None else step @ stack.projection.weight.t() + stack.projection.bias
        for layer, cell in enumerate(stack.cells):
            below, states[layer] = cell(below, states[layer])
        outputs.append(below)
    return torch.stack(outputs, dim=1), states


def assert_same(given: Any, expected: Any) -> None:
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_a_stack_over_time_matches_its_cells_called_step_by_step(cell: str, depth: int, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise, depth)
    inputs = torch.randn(4, 6, 3, dtype=torch.float64)
    assert_same(stack(inputs), step_by_step(stack, inputs))


@pytest.mark.parametrize("cell", CELLS)
def test_only_a_cell_with_equal_sizes_has_an_input_projection(cell: str, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise)
    assert (stack.projection is not None) == (cell == "intersection")


@pytest.mark.parametrize("given", [1, 2, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_after_the_inputs_are_steps_on_zeros(cell: str, given: int, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise)
    inputs = torch.randn(4, given, 3, dtype=torch.float64)
    zeros = torch.zeros(4, 3, 3, dtype=torch.float64)
    assert_same(stack(inputs, steps=given + 3), stack(torch.cat((inputs, zeros), dim=1)))


@pytest.mark.parametrize("warmup", [0, 2, 5])
@pytest.mark.parametrize("cell", CELLS)
def test_warmup_drops_the_first_outputs_only(cell: str, warmup: int, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise)
    inputs = torch.randn(4, 6, 3, dtype=torch.float64)
    outputs, state = stack(inputs)
    assert_same(stack(inputs, warmup=warmup), (outputs[:, warmup:], state))


@pytest.mark.parametrize("steps", [6, 8])
@pytest.mark.parametrize("cell", CELLS)
def test_an_input_expanded_over_time_is_that_input_at_every_step(cell: str, steps: int, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise)
    expanded = torch.randn(4, 1, 3, dtype=torch.float64).expand(-1, 6, -1)
    assert expanded.stride(1) == 0
    assert_same(stack(expanded, steps=steps), stack(expanded.contiguous(), steps=steps))


@pytest.mark.parametrize("cell", CELLS)
def test_two_halves_with_a_carried_state_match_the_whole_sequence(cell: str, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise)
    inputs = torch.randn(4, 7, 3, dtype=torch.float64)
    first, between = stack(inputs[:, :3])
    second, end = stack(inputs[:, 3:], between)
    assert_same((torch.cat((first, second), dim=1), end), stack(inputs))


@pytest.mark.parametrize("cell", CELLS)
def test_samples_of_a_batch_are_independent(cell: str, randomise: Randomise) -> None:
    stack = a_stack(cell, randomise)
    inputs = torch.randn(3, 4, 3, dtype=torch.float64)
    alone = torch.cat([stack(sample.unsqueeze(0))[0] for sample in inputs])
    assert_same(stack(inputs)[0], alone)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 6), {}, r"inputs must have shape \(batch, time, 3\), got \(4, 6\)"),
        ((4, 6, 2), {}, r"inputs must have shape \(batch, time, 3\), got \(4, 6, 2\)"),
        ((4, 0, 3), {"steps": 5}, "time steps of inputs must be at least 1, got 0"),
        ((4, 6, 3), {"steps": 5}, "steps must be at least the 6 time steps of inputs, got 5"),
        ((4, 6, 3), {"warmup": 6}, r"warmup must be in \[0, 5\], got 6"),
        ((4, 6, 3), {"warmup": -1}, r"warmup must be in \[0, 5\], got -1"),
        ((4, 6, 3), {"lengths": torch.tensor([1, 2])}, r"lengths must be .* \(4,\), got torch.int64 of shape \(2,\)"),
        ((2, 6, 3), {"lengths": torch.tensor([1.0, 2.0])}, "lengths must be integers .*, got torch.float32"),
        ((2, 6, 3), {"lengths": torch.tensor([0, 2])}, r"lengths must be in \[1, 6\], got 0 to 2"),
        ((2, 6, 3), {"lengths": torch.tensor([1, 7])}, r"lengths must be in \[1, 6\], got 1 to 7"),
        ((2, 6, 3), {"state": []}, "state must have 2 layers, got 0"),
    ],
)
def test_inputs_of_the_wrong_shape_are_refused(shape: tuple[int, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stack("gru", 2, 3, 5)(torch.zeros(shape), **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"cell": "elman"}, "cell must be one of rnn, .*; got 'elman'"),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1"),
        ({"recurrent_dropout": -0.1}, r"recurrent_dropout must be in \[0, 1\), got -0.1"),
    ],
)
def test_an_argument_out_of_range_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stack(**{"cell": "gru", "depth": 1, "input_size": 3, "hidden_size": 5, **arguments})
