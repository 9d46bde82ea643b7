"""torch's LSTM, which the package uses in float32, computes the same as the package's LSTM."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells import LSTMCell
from rnn_capacity.kernels.torch_lstm import is_torch_lstm, run_torch_lstm
from rnn_capacity.models import RecurrentNetwork


def by_steps(cell: LSTMCell, inputs: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run the cell's own steps in the type of its weights."""
    outputs = []
    for projected in cell.project(inputs)[0]:
        output, state = cell.step((projected,), state)
        outputs.append(output)
    return torch.stack(outputs), state


@pytest.mark.parametrize("batch_of_state", [1, 3])
@pytest.mark.parametrize("indices", [False, True])
def test_outputs_states_and_gradients_match_the_cells_own_steps(batch_of_state: int, indices: bool) -> None:
    cell = LSTMCell(5, 4, b_fg=0.7)
    torch.nn.init.normal_(cell.bias)
    inputs = torch.randint(0, 5, (6, 3, 2)) if indices else torch.randn(6, 3, 5)
    state = tuple(torch.randn(batch_of_state, 4, requires_grad=True) for _ in range(2))
    leaves = [*cell.parameters(), *state]
    found = []
    for run in (by_steps, run_torch_lstm):
        outputs, end = run(cell, inputs, state)
        weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
        loss = (outputs * weights).sum() + sum((index + 1) * part.square().sum() for index, part in enumerate(end))
        found.append([outputs, *end, *torch.autograd.grad(loss, leaves)])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


def test_a_network_uses_torchs_lstm_in_float32_without_masks_and_autocast() -> None:
    cell = LSTMCell(5, 4)
    assert is_torch_lstm(cell, torch.float32)
    assert not is_torch_lstm(cell, torch.float64)
    assert not is_torch_lstm(LSTMCell(5, 4, "relu"), torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not is_torch_lstm(cell, torch.float32)

    class Own(LSTMCell):
        pass

    assert not is_torch_lstm(Own(5, 4), torch.float32)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_network_in_float32_matches_the_network_in_float64(depth: int) -> None:
    network = RecurrentNetwork("lstm", depth, 5, 7, 3, seed=2, cell_options={"b_fg": 1.0})
    inputs = torch.randn(4, 9, 5)
    single, state = network(inputs, warmup=2)
    double, expected = network.double()(inputs.double(), warmup=2)
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-6)
    for found, wanted in zip(state, expected, strict=True):
        for part, exact in zip(found, wanted, strict=True):
            torch.testing.assert_close(part.double(), exact, rtol=1e-5, atol=1e-6)
