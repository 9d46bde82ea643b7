"""Each step kernel against its cell's own step under autograd, and which cells have a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS, Cell, LSTMCell, Projected, RNNCell, State
from rnn_capacity.kernels import STEP_KERNELS, BackwardArguments, step_kernel
from tests.own_cell import MinimalGatedUnit

Randomise = Callable[[nn.Module], None]

KINDS = [(name, choice) for name, kind in CELLS.items() for choice in kind.nonlinearities or (None,)]
NETWORKS, BATCH, FEATURES, UNITS = 3, 5, 2, 4


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def batch_last(tensors: Iterable[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Stack tensors of several networks, (batch, features), in a kernel's layout with the batch last."""
    return tuple(torch.stack([part.detach().mT for part in parts]).contiguous() for parts in zip(*tensors, strict=True))


@pytest.mark.parametrize(("batch", "first"), [(BATCH, False), (BATCH, True), (1, False)])
@pytest.mark.parametrize("reads", ["output", "state", "both"])
@pytest.mark.parametrize(("name", "choice"), KINDS)
def test_a_step_and_its_gradients_are_those_of_the_cell(
    name: str, choice: str | None, reads: str, batch: int, first: bool, randomise: Randomise
) -> None:
    kind = CELLS[name]
    cells = [kind(UNITS if kind.equal_sizes else FEATURES, UNITS, choice) for _ in range(NETWORKS)]
    for cell in cells:
        randomise(cell)
    kernel = step_kernel(cells[0])
    assert kernel is not None

    weights = [tuple(getattr(cell, weight) for weight in kernel.recurrent_weights) for cell in cells]
    stacked_weights = tuple(torch.stack(parts).detach() for parts in zip(*weights, strict=True))
    projected = [
        tuple(part.detach().requires_grad_() for part in cell.project(draw(batch, cell.input_size))) for cell in cells
    ]
    rows = 1 if first else batch  # before the first step all samples share the state
    states = [tuple(draw(rows, UNITS) for _ in kind.state_names) for _ in cells]
    grad_outputs = [(torch.randn(batch, UNITS).double(),) for _ in cells]
    grad_states = [tuple(torch.randn(batch, UNITS).double() for _ in kind.state_names) for _ in cells]

    output, state, saved = kernel.forward_step(batch_last(projected), batch_last(states), stacked_weights)
    arguments = BackwardArguments(
        saved=saved,
        grad_output=None if reads == "state" else batch_last(grad_outputs)[0],
        grad_state=(None,) * len(state) if reads == "output" else batch_last(grad_states),
        weights=stacked_weights,
        grad_weights=tuple(torch.ones_like(weight) for weight in stacked_weights),
        grad_projected=tuple(torch.full_like(part, 7.0) for part in batch_last(projected)),
    )
    found = kernel.backward_step(arguments)
    for place, cell in enumerate(cells):
        own_output, own_state = cell.step(projected[place], states[place])
        for one, two in zip((output, *state), (own_output, *own_state), strict=True):
            torch.testing.assert_close(one[place].mT, two, rtol=1e-12, atol=1e-12)
        parts = [] if reads == "state" else [(own_output * grad_outputs[place][0]).sum()]
        if reads != "output":
            parts += [(part * grad).sum() for part, grad in zip(own_state, grad_states[place], strict=True)]
        leaves = [*states[place], *projected[place], *weights[place]]
        wanted = torch.autograd.grad(sum(parts, torch.zeros(())), leaves, materialize_grads=True)
        zero = torch.zeros(NETWORKS, UNITS, rows).double()
        grad_states_found = [zero if part is None else part for part in found]
        ours = [part[place].mT for part in (*grad_states_found, *arguments.grad_projected)]
        ours += [part[place] - 1 for part in arguments.grad_weights]  # ones are there before
        for one, two in zip(ours, wanted, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


class HalfStep(RNNCell):
    """An RNN with a step of its own, which halves the output."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = 0.5 * self.activation(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)


class Unchanged(LSTMCell):
    """A subclass that changes nothing."""


class Ungated(Cell):
    """A cell without gates."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        return state[0], state


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_of_the_paper_has_a_kernel(name: str) -> None:
    kernel = step_kernel(CELLS[name](3, 3))
    assert type(kernel) is STEP_KERNELS[CELLS[name]]
    assert kernel.hidden_size == 3


def test_the_irnn_shares_the_kernel_of_the_rnn() -> None:
    assert STEP_KERNELS[CELLS["irnn"]] is STEP_KERNELS[CELLS["rnn"]]


@pytest.mark.parametrize("kind", [HalfStep, Unchanged, Ungated, MinimalGatedUnit])
def test_other_cells_and_subclasses_have_no_kernel(kind: type[Cell]) -> None:
    assert step_kernel(kind(3, 3)) is None
