"""One step of each cell: gradients, dropout mask, and a state or input shared by the batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnn_capacity.cells import CELLS, Cell, GatedCell, State

Randomise = Callable[[nn.Module], None]
CASES = [(name, kind) for name, cell in CELLS.items() for kind in (cell.nonlinearities or (None,))]


def a_cell(name: str, nonlinearity: str | None = None) -> Cell:
    kind = CELLS[name]
    return kind(4 if kind.equal_sizes else 3, 4, nonlinearity, b_fg=0.5)


def a_state(cell: Cell, batch: int) -> State:
    return tuple(torch.randn(batch, 4, dtype=torch.float64) for _ in cell.state_names)


@pytest.mark.parametrize(("name", "nonlinearity"), CASES)
def test_gradients_of_a_step_match_finite_differences(
    name: str, nonlinearity: str | None, randomise: Randomise
) -> None:
    cell = a_cell(name, nonlinearity)
    randomise(cell)
    names = [name for name, _ in cell.named_parameters()]
    inputs = torch.randn(2, cell.input_size, dtype=torch.float64)
    arguments = [tensor.detach().requires_grad_() for tensor in (inputs, *a_state(cell, 2), *cell.parameters())]
    states = len(cell.state_names)

    def step(inputs: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, rest[states:], strict=True))
        output, new = functional_call(cell, weights, (inputs, rest[:states]))
        return output, *new

    assert torch.autograd.gradcheck(step, arguments)


@pytest.mark.parametrize("name", CELLS)
def test_a_mask_scales_h_in_every_matrix_product_and_nowhere_else(name: str, randomise: Randomise) -> None:
    cell = a_cell(name)
    randomise(cell)
    inputs, state = torch.randn(1, cell.input_size, dtype=torch.float64), a_state(cell, 1)
    mask = torch.tensor([[0.0, 2.0, 0.5, 0.0]], dtype=torch.float64)
    masked = cell.step(cell.project(inputs), state, mask)
    plain = cell(inputs, state)
    with torch.no_grad():
        for matrix in cell.recurrent_matrices().values():
            matrix.mul_(mask)  # W (mask · h) = (W diag(mask)) h
    torch.testing.assert_close(masked, cell(inputs, state), rtol=0, atol=1e-12)
    assert (masked[0] - plain[0]).abs().max() > 0.01


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("batch", [2, 3, 4])
def test_one_row_of_state_or_input_is_shared_by_the_whole_batch(
    name: str, with_mask: bool, batch: int, randomise: Randomise
) -> None:
    cell = a_cell(name)
    randomise(cell)
    mask = torch.rand(batch, 4, dtype=torch.float64) if with_mask else None
    inputs, state = torch.randn(batch, cell.input_size, dtype=torch.float64), a_state(cell, batch)
    one_input, one_state = inputs[:1], tuple(tensor[:1] for tensor in state)
    all_states = tuple(tensor.expand(batch, -1) for tensor in one_state)
    torch.testing.assert_close(
        cell.step(cell.project(inputs), one_state, mask),
        cell.step(cell.project(inputs), all_states, mask),
        rtol=0,
        atol=1e-12,
    )
    torch.testing.assert_close(
        cell.step(cell.project(one_input), state, mask),
        cell.step(cell.project(one_input.expand(batch, -1)), state, mask),
        rtol=0,
        atol=1e-12,
    )


def test_under_autocast_the_product_alone_has_fewer_bits() -> None:
    projected, hidden, weight = torch.randn(3, 4), torch.randn(3, 4), torch.randn(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = GatedCell.recur(projected, hidden, weight, None)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, projected + hidden @ weight.T, rtol=0.05, atol=0.05)
