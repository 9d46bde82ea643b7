"""Batches of sequences of different lengths, compared with each sequence alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rnn_capacity.cells import CELLS
from rnn_capacity.models import Stack

Randomise = Callable[[nn.Module], None]

LENGTHS = [2, 5, 1, 4]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"layer_norm": True},
    {"residual": True},
    {"layer_norm": True, "residual": True},
]


def assert_same(given: Any, expected: Any) -> None:
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-12)


def named(options: dict[str, Any]) -> str:
    return " and ".join(options) or "plain"


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("options", OPTIONS, ids=named)
@pytest.mark.parametrize("cell", CELLS)
def test_each_sequence_matches_a_run_alone_and_has_zero_outputs_after_its_end(
    cell: str, options: dict[str, Any], warmup: int, randomise: Randomise
) -> None:
    stack = Stack(cell, 2, 3, 5, cell_options={"b_fg": 0.5}, **options)
    randomise(stack)
    inputs = torch.randn(4, 5, 3, dtype=torch.float64)
    outputs, state = stack(inputs, lengths=torch.tensor(LENGTHS), warmup=warmup)
    for sample, length in enumerate(LENGTHS):
        alone, end = stack(inputs[sample : sample + 1, :length])
        assert_same(outputs[sample, : max(length - warmup, 0)], alone[0, warmup:])
        assert (outputs[sample, max(length - warmup, 0) :] == 0).all()
        assert_same([tuple(part[sample] for part in layer) for layer in state], [tuple(p[0] for p in e) for e in end])


@pytest.mark.parametrize("cell", CELLS)
def test_inputs_after_a_sequences_end_have_no_influence(cell: str, randomise: Randomise) -> None:
    stack = Stack(cell, 2, 3, 5)
    randomise(stack)
    lengths = torch.tensor(LENGTHS)
    inputs = torch.randn(4, 5, 3, dtype=torch.float64)
    ended = torch.arange(5) >= lengths.unsqueeze(1)
    other = inputs.masked_fill(ended.unsqueeze(-1), 100.0)
    assert_same(stack(other, lengths=lengths), stack(inputs, lengths=lengths))


@pytest.mark.parametrize("cell", CELLS)
def test_full_lengths_have_the_results_of_no_lengths(cell: str, randomise: Randomise) -> None:
    stack = Stack(cell, 2, 3, 5)
    randomise(stack)
    inputs = torch.randn(4, 5, 3, dtype=torch.float64)
    assert_same(stack(inputs, lengths=torch.full((4,), 5)), stack(inputs))


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_with_a_length_continues_from_a_state(cell: str, randomise: Randomise) -> None:
    stack = Stack(cell, 2, 3, 5)
    randomise(stack)
    inputs = torch.randn(4, 5, 3, dtype=torch.float64)
    _, between = stack(inputs)
    outputs, state = stack(inputs, between, lengths=torch.tensor(LENGTHS))
    for sample, length in enumerate(LENGTHS):
        start = [tuple(part[sample : sample + 1] for part in layer) for layer in between]
        alone, end = stack(inputs[sample : sample + 1, :length], start)
        assert_same(outputs[sample, :length], alone[0])
        assert_same([tuple(part[sample] for part in layer) for layer in state], [tuple(p[0] for p in e) for e in end])
