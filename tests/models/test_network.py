"""The network: a stack with an affine readout, and the seed of its weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from rnn_capacity.cells import CELLS, IntersectionRNNCell
from rnn_capacity.models import Initialization, RecurrentNetwork, Stack

Randomise = Callable[[nn.Module], None]
RANDOM_START = Initialization(bias_scale=0.5, bias="normal", state_scale=1.0)


@pytest.mark.parametrize("cell", CELLS)
def test_the_readout_is_affine_in_the_top_layers_outputs_alone(cell: str, randomise: Randomise) -> None:
    network = RecurrentNetwork(cell, 3, 4, 5, 2)
    randomise(network)
    inputs = torch.randn(3, 6, 4, dtype=torch.float64)
    options = {"lengths": torch.tensor([2, 6, 4]), "warmup": 1}
    outputs, state = network(inputs, **options)
    top, expected_state = network.stack(inputs, **options)
    expected = torch.einsum("btn,on->bto", top, network.readout.weight) + network.readout.bias
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, expected_state, rtol=0, atol=0)


def test_the_arguments_steps_and_state_are_passed_to_the_stack(randomise: Randomise) -> None:
    network = RecurrentNetwork("lstm", 2, 4, 5, 2)
    randomise(network)
    inputs = torch.randn(3, 2, 4, dtype=torch.float64)
    _, state = network(inputs)
    outputs, _ = network(inputs, state, steps=5)
    expected = network.readout(network.stack(inputs, state, steps=5)[0])
    assert outputs.shape == (3, 5, 2)
    assert torch.equal(outputs, expected)
    assert (outputs[:, :2] - network(inputs)[0]).abs().max() > 0.001


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_gives_the_same_network_and_another_seed_another(cell: str) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        start = None if cell == "irnn" else RANDOM_START
        return RecurrentNetwork(cell, 2, 4, 5, 2, initialization=start, seed=seed).state_dict()

    first, again, other = weights(7), weights(7), weights(8)
    for name, weight in first.items():
        assert torch.equal(weight, again[name]), name
    drawn = [name for name, weight in first.items() if not torch.equal(weight, other[name])]
    assert {"stack.cells.0.weight_input", "readout.weight"} <= set(drawn)
    if cell != "irnn":
        assert {"stack.cells.1.weight_recurrent", "stack.cells.1.bias", "stack.initial_states.0"} <= set(drawn)


def test_the_same_seed_gives_the_same_network_whatever_was_drawn_before() -> None:
    first = RecurrentNetwork("gru", 2, 4, 5, 2, seed=7).state_dict()
    torch.rand(11)
    torch.testing.assert_close(RecurrentNetwork("gru", 2, 4, 5, 2, seed=7).state_dict(), first, rtol=0, atol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_a_seed_leaves_the_global_generator_as_it_was(cell: str) -> None:
    before = torch.get_rng_state()
    RecurrentNetwork(cell, 2, 4, 5, 2, seed=7)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_the_weights_come_from_the_global_generator() -> None:
    generator = torch.get_rng_state()
    first = RecurrentNetwork("gru", 2, 4, 5, 2).state_dict()
    second = RecurrentNetwork("gru", 2, 4, 5, 2).state_dict()
    torch.set_rng_state(generator)
    again = RecurrentNetwork("gru", 2, 4, 5, 2).state_dict()
    assert not torch.equal(first["readout.weight"], second["readout.weight"])
    torch.testing.assert_close(first, again, rtol=0, atol=0)


@pytest.mark.parametrize(
    "cell", ["intersection", IntersectionRNNCell, "rnn_capacity.cells.intersection.IntersectionRNNCell"]
)
def test_an_intersection_rnn_of_depth_1_is_refused_as_a_network(cell: str | type[IntersectionRNNCell]) -> None:
    with pytest.raises(ValueError, match="depth must be at least 2 for a network of IntersectionRNNCell, got 1"):
        RecurrentNetwork(cell, 1, 4, 5, 2)


def test_an_intersection_rnn_of_depth_1_runs_as_a_stack_of_one_cell(randomise: Randomise) -> None:
    stack = Stack("intersection", 1, 4, 5)
    randomise(stack)
    inputs = torch.randn(3, 1, 4, dtype=torch.float64)
    outputs, ((hidden,),) = stack(inputs)
    output, (expected,) = stack.cells[0](stack.projection(inputs[:, 0]), tuple(stack.initial_states[0].unsqueeze(1)))
    torch.testing.assert_close((outputs[:, 0], hidden), (output, expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [0, -1])
@pytest.mark.parametrize("cell", ["gru", "intersection"])
def test_a_network_without_layers_is_refused(cell: str, depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth must be at least 1, got {depth}"):
        RecurrentNetwork(cell, depth, 4, 5, 2)
