"""Constructor arguments of the cells, and the parameters that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rnn_capacity.cells import (
    CELLS,
    GatedCell,
    GRUCell,
    IntersectionRNNCell,
    IRNNCell,
    LSTMCell,
    RNNCell,
    UGRNNCell,
)

GATES = {"rnn": 1, "irnn": 1, "ugrnn": 2, "gru": 3, "lstm": 4, "intersection": 4}  # G of Collins et al. 2017, sec. 1.4


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 4), (7, 2)])
def test_a_cell_has_the_papers_number_of_parameters(name: str, m: int, n: int) -> None:
    kind = CELLS[name]
    m = n if kind.equal_sizes else m
    count = GATES[name] * (n * n + n * m + n)
    assert kind.parameter_count(m, n) == count
    assert sum(parameter.numel() for parameter in kind(m, n).parameters()) == count


def test_the_lstm_alone_carries_a_second_state_tensor() -> None:
    names = {name: kind.state_names for name, kind in CELLS.items()}
    assert names == {**dict.fromkeys(CELLS, ("h",)), "lstm": ("h", "c")}


@pytest.mark.parametrize("name", CELLS)
def test_the_views_by_gate_cover_all_parameters(name: str) -> None:
    kind = CELLS[name]
    cell = kind(4 if kind.equal_sizes else 3, 4)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        for views in (cell.input_matrices(), cell.recurrent_matrices(), cell.biases()):
            assert set(views) == set(kind.gates)
            for view in views.values():
                view.add_(1.0)
    assert all((parameter == 1).all() for parameter in cell.parameters())


@pytest.mark.parametrize("name", CELLS)
def test_a_single_cell_starts_with_normal_matrices_of_unit_scale_and_zero_biases(name: str) -> None:
    cell = CELLS[name](120 if CELLS[name].equal_sizes else 480, 120)
    for matrices in (cell.input_matrices(), cell.recurrent_matrices()):
        for matrix in matrices.values():
            if name == "irnn" and matrix.data_ptr() == cell.weight_recurrent.data_ptr():
                assert torch.equal(matrix, torch.eye(120))
            else:
                assert matrix.std().item() == pytest.approx(matrix.shape[1] ** -0.5, rel=0.03)  # five standard errors
                assert abs(matrix.mean().item()) < 0.005
    assert not any(bias.any() for bias in cell.biases().values())


@pytest.mark.parametrize("kind", [UGRNNCell, GRUCell, LSTMCell, IntersectionRNNCell])
def test_b_fg_is_neither_parameter_nor_saved(kind: type[GatedCell]) -> None:
    without, with_b_fg = kind(4, 4), kind(4, 4, b_fg=2.0)
    assert without.state_dict().keys() == with_b_fg.state_dict().keys() == dict(without.named_parameters()).keys()


@pytest.mark.parametrize("kind", [UGRNNCell, GRUCell, LSTMCell, IntersectionRNNCell])
def test_b_fg_acts_as_an_addition_to_the_bias(kind: type[GatedCell], randomise: Callable[[nn.Module], None]) -> None:
    offset, folded = kind(4, 4, b_fg=2.0), kind(4, 4)
    randomise(offset)
    folded.double().load_state_dict(offset.state_dict())
    state = tuple(torch.randn(3, 4, dtype=torch.float64) for _ in kind.state_names)
    inputs = torch.randn(3, 4, dtype=torch.float64)
    unfolded = folded(inputs, state)[0]
    with torch.no_grad():
        for gate in kind.forget_gates:
            folded.biases()[gate].add_(2.0)
    expected = folded(inputs, state)[0]
    torch.testing.assert_close(offset(inputs, state)[0], expected, rtol=0, atol=1e-12)
    assert (unfolded - expected).abs().max() > 0.01


@pytest.mark.parametrize("kind", [RNNCell, IRNNCell])
def test_a_cell_without_forget_gate_ignores_b_fg(kind: type[GatedCell], randomise: Callable[[nn.Module], None]) -> None:
    offset, plain = kind(3, 4, b_fg=2.0), kind(3, 4)
    randomise(offset)
    plain.double().load_state_dict(offset.state_dict())
    inputs, state = torch.randn(3, 3, dtype=torch.float64), (torch.randn(3, 4, dtype=torch.float64),)
    assert torch.equal(offset(inputs, state)[0], plain(inputs, state)[0])


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (RNNCell, {"input_size": 0}, "input_size must be at least 1, got 0"),
        (LSTMCell, {"hidden_size": -2}, "hidden_size must be at least 1, got -2"),
        (
            GRUCell,
            {"nonlinearity": "sigmoid"},
            "nonlinearity of GRUCell must be one of tanh, relu, null; got 'sigmoid'",
        ),
        (IRNNCell, {"nonlinearity": "tanh"}, "nonlinearity of IRNNCell must be one of relu, null; got 'tanh'"),
        (IntersectionRNNCell, {"nonlinearity": "tanh"}, "nonlinearity of .* must be one of null; got 'tanh'"),
        (IntersectionRNNCell, {"input_size": 3}, "input_size must equal hidden_size = 4 for Inter.*, got 3"),
        (IntersectionRNNCell, {"input_size": 5}, "input_size must equal hidden_size = 4 for Inter.*, got 5"),
        (GRUCell, {"b_fg": {"reset": 1.0}}, "gate in b_fg of GRUCell must be one of update; got 'reset'"),
        (IntersectionRNNCell, {"b_fg": {"y": 1.0}}, "gate in b_fg .* one of y_gate, h_gate; got 'y'"),
    ],
)
def test_a_wrong_argument_is_refused(kind: type[GatedCell], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**{"input_size": 4, "hidden_size": 4, **arguments})


def test_a_gated_cell_without_gates_is_refused_by_name() -> None:
    class Nameless(GatedCell):
        pass

    with pytest.raises(ValueError, match="cell must name its gates, got Nameless without gates"):
        Nameless(2, 3)
