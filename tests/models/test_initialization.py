"""Initial weights: kinds, scales, and combinations that are refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells import CELLS
from rnn_capacity.models import Initialization, RecurrentNetwork, Stack

N = 120
"""Units of the matrices whose entries are counted: 14,400 a gate, a standard deviation known to about 0.6 %."""

GATED = ["ugrnn", "gru", "lstm", "intersection"]


def stack_of(cell: str, size: int = N, inputs: int = 30, **choices: Any) -> Stack:
    return Stack(cell, 2, inputs, size, initialization=Initialization(**choices))


def assert_normal(values: Tensor, deviation: float) -> None:
    """Check mean, standard deviation and fourth moment of N(0, deviation²) within five standard errors."""
    error = deviation / math.sqrt(values.numel())
    assert abs(values.mean().item()) < 5 * error
    assert abs(values.std().item() - deviation) < 5 * error / math.sqrt(2)
    assert values.pow(4).mean().item() == pytest.approx(3 * deviation**4, rel=5 * math.sqrt(96 / values.numel()) / 3)


def assert_orthogonal(matrix: Tensor, scale: float) -> None:
    torch.testing.assert_close(matrix @ matrix.t(), scale**2 * torch.eye(len(matrix)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [None, "orthogonal"])
@pytest.mark.parametrize("cell", ["rnn", *GATED])
def test_recurrent_matrices_are_orthogonal_times_their_scale_by_default(cell: str, kind: str | None) -> None:
    for layer in stack_of(cell, recurrent=kind, recurrent_scale=0.7).cells:
        for matrix in layer.recurrent_matrices().values():
            assert_orthogonal(matrix, 0.7)


@pytest.mark.parametrize("cell", ["rnn", *GATED])
def test_normal_recurrent_matrices_have_deviation_scale_over_root_n(cell: str) -> None:
    for layer in stack_of(cell, recurrent="normal", recurrent_scale=0.5).cells:
        for matrix in layer.recurrent_matrices().values():
            assert_normal(matrix, 0.5 / math.sqrt(N))


@pytest.mark.parametrize("cell", GATED)
def test_identity_recurrent_matrices_are_not_scaled(cell: str) -> None:
    for layer in stack_of(cell, recurrent="identity", recurrent_scale=0.5).cells:
        for matrix in layer.recurrent_matrices().values():
            assert torch.equal(matrix, torch.eye(N))


@pytest.mark.parametrize("kind", [None, "identity"])
def test_the_irnn_starts_from_the_identity_and_zero_biases(kind: str | None) -> None:
    for layer in stack_of("irnn", recurrent=kind, recurrent_scale=0.5, bias="normal").cells:
        assert torch.equal(layer.weight_recurrent, torch.eye(N))
        assert not layer.bias.any()


@pytest.mark.parametrize("cell", CELLS)
def test_input_matrices_are_normal_over_root_of_their_inputs_at_every_layer(cell: str) -> None:
    stack = stack_of(cell, input_scale=0.25)
    for layer, columns in zip(stack.cells, (N if cell == "intersection" else 30, N), strict=True):
        for matrix in layer.input_matrices().values():
            assert_normal(matrix, 0.25 / math.sqrt(columns))


@pytest.mark.parametrize("cell", GATED)
def test_each_gate_has_a_scale_of_its_own_at_every_layer(cell: str) -> None:
    recurrent = {gate: 0.3 + 0.2 * index for index, gate in enumerate(CELLS[cell].gates)}
    rectangular = {gate: 1.5 - 0.3 * index for index, gate in enumerate(CELLS[cell].gates)}
    for layer in stack_of(cell, recurrent_scale=recurrent, input_scale=rectangular).cells:
        for gate, matrix in layer.recurrent_matrices().items():
            assert_orthogonal(matrix, recurrent[gate])
        for gate, matrix in layer.input_matrices().items():
            assert_normal(matrix, rectangular[gate] / math.sqrt(matrix.shape[1]))


@pytest.mark.parametrize("cell", ["rnn", *GATED])
def test_scales_that_name_the_gates_of_all_cells_work_for_every_cell(cell: str) -> None:
    gates = sorted({gate for kind in CELLS.values() for gate in kind.gates})
    recurrent = {gate: 0.3 + 0.1 * index for index, gate in enumerate(gates)}
    rectangular = {gate: 1.5 - 0.1 * index for index, gate in enumerate(gates)}
    for layer in stack_of(cell, recurrent_scale=recurrent, input_scale=rectangular).cells:
        for gate, matrix in layer.recurrent_matrices().items():
            assert_orthogonal(matrix, recurrent[gate])
        for gate, matrix in layer.input_matrices().items():
            assert_normal(matrix, rectangular[gate] / math.sqrt(matrix.shape[1]))


@pytest.mark.parametrize("cell", ["rnn", *GATED])
def test_square_inputs_makes_the_upper_layers_start_as_the_recurrent_matrices_do(cell: str) -> None:
    scales = {gate: 0.5 + 0.1 * index for index, gate in enumerate(CELLS[cell].gates)}
    first, second = stack_of(cell, recurrent_scale=scales, square_inputs=True).cells
    for matrix in first.input_matrices().values():
        assert_normal(matrix, 1 / math.sqrt(matrix.shape[1]))
    for gate, matrix in second.input_matrices().items():
        assert_orthogonal(matrix, scales[gate])
        assert (matrix - second.recurrent_matrices()[gate]).abs().max() > 0.01


@pytest.mark.parametrize("scale", [-1.5, 0.0, 0.75])
@pytest.mark.parametrize("cell", ["rnn", *GATED])
def test_a_constant_bias_is_the_scale_in_every_gate(cell: str, scale: float) -> None:
    for layer in stack_of(cell, size=4, bias_scale=scale).cells:
        assert (layer.bias == scale).all()


@pytest.mark.parametrize("scale", [-1.5, 0.75])
def test_a_normal_bias_has_the_scale_as_its_deviation(scale: float) -> None:
    layer = Stack("lstm", 1, 1, 500, initialization=Initialization("normal", bias="normal", bias_scale=scale)).cells[0]
    for bias in layer.biases().values():
        assert_normal(bias, abs(scale))


def test_readout_and_projection_are_normal_with_zero_bias() -> None:
    network = RecurrentNetwork("intersection", 2, 60, N, 50, initialization=Initialization(readout_scale=0.4))
    assert_normal(network.readout.weight, 0.4 / math.sqrt(N))
    assert_normal(network.stack.projection.weight, 0.4 / math.sqrt(60))
    assert not network.readout.bias.any()
    assert not network.stack.projection.bias.any()


def test_initial_states_have_the_state_scale_as_their_deviation() -> None:
    assert not any(state.any() for state in stack_of("lstm", size=4).initial_states)
    stack = Stack("lstm", 2, 1, 500, initialization=Initialization("normal", state_scale=0.3))
    for state in stack.initial_states:
        assert_normal(state, 0.3)


def test_matrices_of_gates_and_layers_are_drawn_independently() -> None:
    layers = stack_of("lstm", size=20, inputs=20, recurrent="normal", square_inputs=True).cells
    matrices = [m for layer in layers for m in (*layer.input_matrices().values(), *layer.recurrent_matrices().values())]
    flat = torch.stack([matrix.flatten() for matrix in matrices])
    correlation = torch.corrcoef(flat) - torch.eye(16)
    assert correlation.abs().max() < 0.3


@pytest.mark.parametrize(
    ("cell", "choices", "message"),
    [
        (
            "rnn",
            {"recurrent": "identity"},
            "recurrent of RNNCell must be one of orthogonal, normal, null; got 'identity'",
        ),
        ("irnn", {"recurrent": "orthogonal"}, "recurrent of IRNNCell must be one of identity, null; got 'orthogonal'"),
        ("irnn", {"recurrent": "normal"}, "recurrent of IRNNCell must be one of identity, null; got 'normal'"),
        ("irnn", {"bias_scale": 0.5}, "bias_scale must be 0 for IRNNCell, whose biases start at zero, got 0.5"),
        ("gru", {"recurrent": "orthonormal"}, "recurrent must be one of orthogonal, .*; got 'orthonormal'"),
        ("gru", {"bias": "gauss"}, "bias must be one of constant, normal; got 'gauss'"),
        ("gru", {"input_scale": -1.0}, "input_scale must be at least 0, got -1.0"),
        ("gru", {"input_scale": {"reset": -1.0}}, "input_scale must be at least 0, got -1.0"),
        ("gru", {"recurrent_scale": {"reset": 1.0}}, "recurrent_scale must have the gates of GRUCell, .*, got reset"),
        ("ugrnn", {"input_scale": {"gate": 1, "candidate": 1, "x": 1}}, "input_scale must .*, got candidate, gate, x"),
    ],
)
def test_an_initialization_that_the_cell_does_not_have_is_refused(
    cell: str, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"initialization\.{message}"):
        stack_of(cell, size=4, **choices)
