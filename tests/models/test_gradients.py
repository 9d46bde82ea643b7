"""A stack's gradients against finite differences, for every weight and learned initial state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnn_capacity.cells import CELLS
from rnn_capacity.models import RecurrentNetwork, Stack

Randomise = Callable[[nn.Module], None]


@pytest.mark.parametrize("lengths", [None, [3, 1]], ids=["whole", "lengths"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_stack_are_those_of_finite_differences(
    cell: str, lengths: list[int] | None, randomise: Randomise
) -> None:
    stack = Stack(cell, 2, 2, 3, layer_norm=lengths is not None, cell_options={"b_fg": 0.5})
    randomise(stack)
    names = [name for name, _ in stack.named_parameters()]
    options = {"steps": 4} if lengths is None else {"lengths": torch.tensor(lengths)}

    def run(inputs: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        outputs, state = functional_call(stack, dict(zip(names, weights, strict=True)), (inputs,), options)
        return outputs, *(part for layer in state for part in layer)

    inputs = torch.randn(2, 3, 2, dtype=torch.float64)
    arguments = [tensor.detach().requires_grad_() for tensor in (inputs, *stack.parameters())]
    assert torch.autograd.gradcheck(run, arguments)


@pytest.mark.parametrize("cell", CELLS)
def test_every_parameter_of_a_network_gets_a_gradient(cell: str) -> None:
    network = RecurrentNetwork(cell, 2, 3, 6, 2, layer_norm=True, seed=0)
    outputs, _ = network(torch.randn(8, 4, 3))
    outputs.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_an_expanded_input_gets_the_sum_of_its_steps_gradients(randomise: Randomise) -> None:
    stack = Stack("gru", 2, 3, 4)
    randomise(stack)
    sample = torch.randn(2, 1, 3, dtype=torch.float64, requires_grad=True)
    whole = sample.detach().repeat(1, 5, 1).requires_grad_()
    stack(sample.expand(-1, 5, -1))[0].square().sum().backward()
    stack(whole)[0].square().sum().backward()
    torch.testing.assert_close(sample.grad, whole.grad.sum(1, keepdim=True), rtol=0, atol=1e-12)
