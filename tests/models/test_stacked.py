from __future__ import annotations

import pytest
import torch
from torch import nn

from rnn_capacity.cells import CELLS, cell_class
from rnn_capacity.models import RecurrentNetwork, stacked

MEMBERS = 3


def networks(cell: str, depth: int, size: int = 4, **options: bool) -> list[RecurrentNetwork]:
    made = []
    for seed in range(MEMBERS):
        offsets = {"b_fg": 0.7 * seed}
        network = RecurrentNetwork(cell, depth, 5, size, 2, seed=seed, cell_options=offsets, **options).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        made.append(network)
    return made


def depths(cell: str) -> list[int]:
    return [depth for depth in (1, 3) if depth >= cell_class(cell).min_network_depth]


@pytest.mark.parametrize("options", [{}, {"layer_norm": True, "residual": True}], ids=["plain", "norm"])
@pytest.mark.parametrize(("cell", "depth"), [(cell, depth) for cell in CELLS for depth in depths(cell)])
@pytest.mark.parametrize("given", ["features", "indices", "shared features", "shared indices"])
def test_outputs_and_gradients_are_those_of_each_network_alone(
    cell: str, depth: int, given: str, options: dict[str, bool]
) -> None:
    alone = networks(cell, depth, **options)
    together = stacked(alone)
    members = 1 if "shared" in given else MEMBERS
    if "features" in given:
        inputs = torch.randn(members, 6, 2, 5, dtype=torch.float64)
    else:
        inputs = torch.randint(5, (members, 6, 2, 2))
    outputs, _ = together(inputs, steps=4, warmup=1)
    assert outputs.shape == (MEMBERS, 6, 3, 2)
    weights = torch.randn_like(outputs)
    (weights * outputs).sum().backward()
    for place, network in enumerate(alone):
        expected, _ = network(inputs[place % members], steps=4, warmup=1)
        (weights[place] * expected).sum().backward()
        torch.testing.assert_close(outputs[place], expected, rtol=1e-12, atol=1e-12)
        own_gradients = dict(network.named_parameters())
        for name, parameter in together.named_parameters():
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad[place], own_gradients[name].grad, rtol=1e-11, atol=1e-12)


def test_stacking_copies() -> None:
    alone = networks("rnn", 1)
    together = stacked(alone)
    with torch.no_grad():
        next(together.parameters()).zero_()
    assert all(bool(next(network.parameters()).any()) for network in alone)


def test_networks_that_differ_are_refused() -> None:
    for other in (networks("gru", 1), networks("rnn", 2), networks("rnn", 1, size=3)):
        with pytest.raises(ValueError, match="networks: of different cells"):
            stacked([*networks("rnn", 1), *other])
    relu = RecurrentNetwork("rnn", 1, 5, 4, 2, seed=0, nonlinearity="relu").double()
    with pytest.raises(ValueError, match="networks: of different cells"):
        stacked([*networks("rnn", 1), relu])
    with pytest.raises(ValueError, match="networks: none given"):
        stacked([])


def test_inputs_need_the_members_dimension() -> None:
    together = stacked(networks("rnn", 1))
    assert isinstance(together, nn.Module)
    with pytest.raises(ValueError, match=r"inputs: shape \(6, 2, 5\) given, \(members, batch, time, 5\) needed"):
        together(torch.zeros(6, 2, 5, dtype=torch.float64))
