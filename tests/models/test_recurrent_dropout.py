"""Recurrent dropout: the same units of h are dropped from the matrix products at every step of a sequence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from rnn_capacity.cells import CELLS
from rnn_capacity.models import Stack

Randomise = Callable[[nn.Module], None]


def carrier(fraction: float, depth: int = 1) -> Stack:
    """Layers of 200 units that start from ones and hand h on unchanged, so that h shows its mask's powers."""
    stack = Stack("rnn", depth, 1, 200, nonlinearity="relu", recurrent_dropout=fraction)
    with torch.no_grad():
        for cell, state in zip(stack.cells, stack.initial_states, strict=True):
            cell.weight_recurrent.copy_(torch.eye(200))
            cell.weight_input.zero_()
            state.fill_(1.0)
    return stack


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_a_sequence_has_one_mask_for_all_its_steps(fraction: float) -> None:
    outputs, _ = carrier(fraction)(torch.zeros(30, 6, 1))
    mask = outputs[:, 0]
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / (1 - fraction)])
    for step in range(6):
        torch.testing.assert_close(outputs[:, step], mask ** (step + 1))


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_the_fraction_of_units_is_dropped_and_the_expectation_kept(fraction: float) -> None:
    outputs, _ = carrier(fraction)(torch.zeros(100, 1, 1))
    deviation = (fraction / (1 - fraction)) ** 0.5  # of a mask's entry, whose mean is 1
    assert outputs.mean().item() == pytest.approx(1, abs=5 * deviation / outputs.numel() ** 0.5)


def test_each_sample_layer_and_call_has_its_own_mask() -> None:
    stack = carrier(0.5, depth=2)
    _, ((first,), (second,)) = stack(torch.zeros(30, 1, 1))
    _, ((later,), _) = stack(torch.zeros(30, 1, 1))
    others = [(first, second), (first, later), (first[:15], first[15:])]
    for one, other in others:
        assert 0.4 < (one == other).float().mean() < 0.6  # two independent masks agree in half of the units


def test_recurrent_dropout_is_off_in_evaluation() -> None:
    outputs, _ = carrier(0.5).eval()(torch.zeros(3, 6, 1))
    assert (outputs == 1).all()


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_dropout_changes_training_and_not_evaluation(cell: str, randomise: Randomise) -> None:
    stack, plain = Stack(cell, 2, 4, 5, recurrent_dropout=0.5), Stack(cell, 2, 4, 5)
    randomise(stack)
    plain.double().load_state_dict(stack.state_dict())
    inputs = torch.randn(3, 6, 4, dtype=torch.float64)
    assert torch.equal(stack.eval()(inputs)[0], plain(inputs)[0])
    assert (stack.train()(inputs)[0] - plain(inputs)[0]).abs().max() > 0.01


@pytest.mark.parametrize("cell", CELLS)
def test_training_matches_a_stack_whose_dropped_columns_are_zero(cell: str, randomise: Randomise) -> None:
    stack = Stack(cell, 1, 4, 5, recurrent_dropout=0.5)
    randomise(stack)
    inputs = torch.randn(1, 6, 4, dtype=torch.float64)
    dropped, _ = stack(inputs)
    matches = 0
    original = {gate: matrix.clone() for gate, matrix in stack.cells[0].recurrent_matrices().items()}
    for number in range(2**5):  # every mask that the five units can have
        mask = torch.tensor([2.0 * (number >> unit & 1) for unit in range(5)], dtype=torch.float64)
        with torch.no_grad():
            for gate, matrix in stack.cells[0].recurrent_matrices().items():
                matrix.copy_(original[gate] * mask)
        outputs, _ = stack.eval()(inputs)
        matches += torch.allclose(outputs, dropped, rtol=0, atol=1e-12)
    assert matches == 1
