"""Which cells are run with the gradient that their class writes, and which by the code of their step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells import CELLS, Cell, GatedCell, IRNNCell, LSTMCell, Projected, RNNCell, State
from rnn_capacity.cells.base import Ahead, Saved
from rnn_capacity.models import RecurrentNetwork, stacked
from tests.own_cell import MinimalGatedUnit


class HalfStep(RNNCell):
    """The RNN with half its output: the step alone is its own."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = 0.5 * self.activation(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)


class DoubleInput(LSTMCell):
    """The LSTM that sees twice its input."""

    def project(self, inputs: Tensor) -> Projected:
        return super().project(2 * inputs)


class HalfRecurrence(RNNCell):
    """The RNN with half its recurrent product."""

    @staticmethod
    def recur(projected: Tensor, hidden: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
        return projected + 0.5 * hidden @ weight.mT


class HalfMixed:
    """The step of `HalfStep`, for any cell."""

    step = HalfStep.step


class FromTheLeft(HalfMixed, RNNCell):
    """The RNN whose step comes from a class that knows of no gradient."""


class BelowOwn(HalfStep):
    """Inherits the step alone."""


class HalfWithGradient(RNNCell):
    """`HalfStep` with its gradient."""

    step = HalfStep.step

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        whole = self.activation.in_place(self.recur_in(projected[0], state[0], weights[0]))
        hidden = 0.5 * whole
        return hidden, (hidden,), (state[0], whole)

    def backward_step(
        self,
        saved: Saved,
        above: Tensor | None,
        ahead: Ahead,
        projected: Projected,
        weights: tuple[Tensor, ...],
        gradients: tuple[Tensor, ...],
    ) -> Ahead:
        parts = [part for part in (above, ahead[0]) if part is not None]
        return super().backward_step(saved, 0.5 * sum(parts[1:], parts[0]), (None,), projected, weights, gradients)


class BelowOwnGradient(HalfWithGradient):
    """Inherits both."""


class OtherWeights(RNNCell):
    """Changes nothing of the step."""

    takes_bias = False


class BySay(RNNCell):
    """Declines its gradient."""

    has_gradient = False


class Ungated(Cell):
    """A step and no gradient, of a cell without gates."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        return state[0], state


BY_STEP = (HalfStep, DoubleInput, HalfRecurrence, FromTheLeft, BelowOwn, BySay)
BY_GRADIENT = (HalfWithGradient, BelowOwnGradient, OtherWeights)


def test_which_cells_have_a_gradient() -> None:
    assert all(kind.has_gradient for kind in CELLS.values())
    assert IRNNCell.has_gradient  # its step is the RNN's
    assert [kind.has_gradient for kind in BY_GRADIENT] == [True] * len(BY_GRADIENT)
    assert [kind.has_gradient for kind in (*BY_STEP, Ungated, MinimalGatedUnit)] == [False] * (len(BY_STEP) + 2)
    assert not GatedCell.has_gradient


@pytest.mark.parametrize("kind", [*BY_STEP, *BY_GRADIENT])
def test_stacked_networks_run_the_code_of_their_cell(kind: type[Cell]) -> None:
    alone = [RecurrentNetwork(kind, 2, 3, 4, 2, seed=seed).double() for seed in range(3)]
    together = stacked(alone)
    inputs = torch.randn(3, 5, 2, 3, dtype=torch.float64)
    outputs, _ = together(inputs, steps=4)
    above = torch.randn_like(outputs)
    (above * outputs).sum().backward()
    for place, network in enumerate(alone):
        wanted, _ = network(inputs[place], steps=4)
        (above[place] * wanted).sum().backward()
        torch.testing.assert_close(outputs[place], wanted, rtol=1e-12, atol=1e-12)
        own = dict(network.named_parameters())
        for name, parameter in together.named_parameters():
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad[place], own[name].grad, rtol=1e-11, atol=1e-12)


def test_half_a_step_is_not_the_whole() -> None:
    inputs = torch.randn(1, 5, 2, 3)
    half, whole = (stacked([RecurrentNetwork(kind, 1, 3, 4, 2, seed=0)])(inputs)[0] for kind in (HalfStep, RNNCell))
    assert not torch.allclose(half, whole, atol=1e-2)
