"""Parity of the RNN and the LSTM with torch's, and the difference of the GRU from torch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import GatedCell, GRUCell
from rnn_capacity.models import Stack

Randomise = Callable[[nn.Module], None]


def copy_weights(stack: Stack, theirs: nn.RNNBase, gates: list[str], b_fg: dict[str, float]) -> None:
    """Copy a stack's weights to a torch module; the bias, with b_fg, becomes torch's first and the second is zero."""
    with torch.no_grad():
        for layer, cell in enumerate(stack.cells):
            matrices = {"ih": cell.input_matrices(), "hh": cell.recurrent_matrices()}
            for name, by_gate in matrices.items():
                getattr(theirs, f"weight_{name}_l{layer}").copy_(torch.cat([by_gate[gate] for gate in gates]))
            biases = cell.biases()
            bias = torch.cat([biases[gate] + b_fg.get(gate, 0.0) for gate in gates])
            getattr(theirs, f"bias_ih_l{layer}").copy_(bias)
            getattr(theirs, f"bias_hh_l{layer}").zero_()


def learned_state(stack: Stack, name: int, batch: int) -> Tensor:
    """The learned initial states in torch's layout, (depth, batch, units)."""
    return torch.stack([state[name] for state in stack.initial_states]).unsqueeze(1).repeat(1, batch, 1)


def assert_close(given: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_the_rnn_matches_torchs_rnn(nonlinearity: str, depth: int, randomise: Randomise) -> None:
    stack = Stack("rnn", depth, 3, 5, nonlinearity=nonlinearity)
    randomise(stack)
    theirs = nn.RNN(3, 5, depth, nonlinearity=nonlinearity, batch_first=True).double()
    copy_weights(stack, theirs, ["candidate"], {})
    inputs = torch.randn(4, 7, 3, dtype=torch.float64)
    outputs, state = stack(inputs)
    expected, last = theirs(inputs, learned_state(stack, 0, 4))
    assert_close(outputs, expected)
    assert_close(torch.stack([hidden for (hidden,) in state]), last)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_lstm_matches_torchs_lstm_with_b_fg_in_the_forget_bias(depth: int, randomise: Randomise) -> None:
    stack = Stack("lstm", depth, 3, 5, cell_options={"b_fg": 1.5})
    randomise(stack)
    theirs = nn.LSTM(3, 5, depth, batch_first=True).double()
    copy_weights(stack, theirs, ["input", "forget", "candidate", "output"], {"forget": 1.5})
    inputs = torch.randn(4, 7, 3, dtype=torch.float64)
    outputs, state = stack(inputs)
    expected, (last_h, last_c) = theirs(inputs, (learned_state(stack, 0, 4), learned_state(stack, 1, 4)))
    assert_close(outputs, expected)
    assert_close(torch.stack([hidden for hidden, _ in state]), last_h)
    assert_close(torch.stack([memory for _, memory in state]), last_c)


def test_the_gradients_of_the_lstm_match_torchs(randomise: Randomise) -> None:
    stack = Stack("lstm", 2, 3, 5, cell_options={"b_fg": 1.5})
    randomise(stack)
    theirs = nn.LSTM(3, 5, 2, batch_first=True).double()
    copy_weights(stack, theirs, ["input", "forget", "candidate", "output"], {"forget": 1.5})
    inputs = torch.randn(4, 7, 3, dtype=torch.float64, requires_grad=True)
    gradients = []
    for outputs in (stack(inputs)[0], theirs(inputs, (learned_state(stack, 0, 4), learned_state(stack, 1, 4)))[0]):
        gradients.append(torch.autograd.grad(outputs.square().sum(), [inputs, *stack.initial_states]))
    for given, expected in zip(*gradients, strict=True):
        assert_close(given, expected)


def torchs_gru(cell: GatedCell, inputs: Tensor, hidden: Tensor) -> Tensor:
    """`torch.nn.GRUCell` with the cell's weights."""
    theirs = nn.GRUCell(cell.input_size, cell.hidden_size).double()
    gates = ["reset", "update", "candidate"]
    with torch.no_grad():
        theirs.weight_ih.copy_(torch.cat([cell.input_matrices()[gate] for gate in gates]))
        theirs.weight_hh.copy_(torch.cat([cell.recurrent_matrices()[gate] for gate in gates]))
        theirs.bias_ih.copy_(torch.cat([cell.biases()[gate] for gate in gates]))
        theirs.bias_hh.zero_()
    return theirs(inputs, hidden)


def open_reset(cell: GatedCell) -> None:
    cell.biases()["reset"].fill_(60.0)  # the sigmoid is 1 to the last bit


def no_recurrent_candidate(cell: GatedCell) -> None:
    cell.recurrent_matrices()["candidate"].zero_()


def diagonal_candidate(cell: GatedCell) -> None:
    candidate = cell.recurrent_matrices()["candidate"]
    candidate.copy_(candidate.diag().diag())


@pytest.mark.parametrize("agree", [open_reset, no_recurrent_candidate, diagonal_candidate])
def test_the_gru_matches_torchs_gru_where_the_position_of_the_reset_gate_does_not_matter(
    agree: Callable[[GatedCell], None], randomise: Randomise
) -> None:
    cell = GRUCell(3, 5)
    randomise(cell)
    with torch.no_grad():
        agree(cell)
    inputs, hidden = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    assert_close(cell(inputs, (hidden,))[0], torchs_gru(cell, inputs, hidden))


def test_the_gru_differs_from_torchs_gru_otherwise(randomise: Randomise) -> None:
    cell = GRUCell(3, 5)
    randomise(cell)
    inputs, hidden = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    difference = cell(inputs, (hidden,))[0] - torchs_gru(cell, inputs, hidden)
    assert difference.abs().max() > 0.01
