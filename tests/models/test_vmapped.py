from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells import CELLS, Cell, cell_class
from rnn_capacity.models import RecurrentNetwork, VmappedNetwork, stacked
from tests.population.own_cells import LeakyCell, MixingCell, OneNetworkCell

MEMBERS, BATCH, FEATURES = 3, 6, 5
KINDS: list[str | type[Cell]] = [*CELLS, OneNetworkCell, MixingCell, LeakyCell]


def networks(cell: str | type[Cell], depth: int, size: int = 4, **options: bool) -> list[RecurrentNetwork]:
    made = []
    for seed in range(MEMBERS):
        offset = {} if cell is LeakyCell else {"b_fg": 0.7 * seed}
        network = RecurrentNetwork(cell, depth, FEATURES, size, 2, seed=seed, cell_options=offset, **options).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        made.append(network)
    return made


def compare(together: torch.nn.Module, alone: list[RecurrentNetwork], inputs: Tensor, repeat_last: bool) -> None:
    outputs, states = together(inputs, steps=4, warmup=1, repeat_last=repeat_last)
    assert states == []
    assert outputs.shape == (MEMBERS, BATCH, 3, 2)
    above = torch.randn_like(outputs)
    leaves = list(together.parameters())
    found = torch.autograd.grad((above * outputs).sum(), leaves)
    for place, network in enumerate(alone):
        expected, _ = network(inputs[place % len(inputs)], steps=4, warmup=1, repeat_last=repeat_last)
        torch.testing.assert_close(outputs[place], expected, rtol=1e-12, atol=1e-12)
        wanted = torch.autograd.grad((above[place] * expected).sum(), list(network.parameters()))
        for one, two in zip(found, wanted, strict=True):
            torch.testing.assert_close(one[place], two, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"layer_norm": True, "residual": True}], ids=["plain", "norm"])
@pytest.mark.parametrize("members", [MEMBERS, 1], ids=["own samples", "shared samples"])
@pytest.mark.parametrize("cell", KINDS)
def test_outputs_and_gradients_are_those_of_each_network_alone(
    cell: str | type[Cell], members: int, options: dict[str, bool]
) -> None:
    for depth in {cell_class(cell).min_network_depth, 2}:
        alone = networks(cell, depth, **options)
        together = VmappedNetwork(alone)
        for times, repeat_last in ((1, False), (2, True), (4, False)):
            compare(together, alone, torch.randn(members, BATCH, times, FEATURES, dtype=torch.float64), repeat_last)


@pytest.mark.parametrize("members", [MEMBERS, 1], ids=["own samples", "shared samples"])
@pytest.mark.parametrize("cell", KINDS)
def test_places_of_ones(cell: str | type[Cell], members: int) -> None:
    alone = networks(cell, 2)
    compare(VmappedNetwork(alone), alone, torch.randint(FEATURES, (members, BATCH, 3, 1)), False)


def test_a_cell_for_one_network_cannot_be_stacked_but_mapped() -> None:
    alone = networks(OneNetworkCell, 1)
    inputs = torch.randn(MEMBERS, BATCH, 4, FEATURES, dtype=torch.float64)
    with pytest.raises(RuntimeError):
        stacked(alone)(inputs)
    mixed = networks(MixingCell, 1)
    wanted = torch.stack([network(part)[0] for network, part in zip(mixed, inputs, strict=True)])
    assert not torch.allclose(stacked(mixed)(inputs)[0], wanted)
    torch.testing.assert_close(VmappedNetwork(mixed)(inputs)[0], wanted, rtol=1e-12, atol=1e-12)


def test_its_parameters_are_those_of_all_networks_alone() -> None:
    alone = networks(OneNetworkCell, 1)
    together = VmappedNetwork(alone)
    assert [len(parameter) for parameter in together.parameters()] == [MEMBERS] * len(list(alone[0].parameters()))
    with torch.no_grad():
        for parameter in together.parameters():
            parameter.zero_()
    assert all(bool(parameter.any()) for network in alone for parameter in network.parameters())
    outputs, _ = together(torch.randn(1, BATCH, 4, FEATURES, dtype=torch.float64))
    assert not outputs.any()


def test_networks_that_differ_are_refused() -> None:
    for other in (networks("gru", 1), networks(OneNetworkCell, 2), networks(OneNetworkCell, 1, size=3)):
        with pytest.raises(ValueError, match="networks: of different cells"):
            VmappedNetwork([*networks(OneNetworkCell, 1), *other])
    with pytest.raises(ValueError, match="networks: none given"):
        VmappedNetwork([])
