"""Networks of every cell can be pickled."""

from __future__ import annotations

import copy
import pickle
from io import BytesIO
from typing import Any

import pytest
import torch

from rnn_capacity.cells import CELLS, cell_class
from rnn_capacity.models import RecurrentNetwork

CASES = [
    (kind, nonlinearity) for kind, found in CELLS.items() for nonlinearity in (None, *cell_class(found).nonlinearities)
]


def pickled(network: RecurrentNetwork) -> Any:
    return pickle.loads(pickle.dumps(network))


def saved(network: RecurrentNetwork) -> Any:
    file = BytesIO()
    torch.save(network, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("again", [pickled, saved, copy.deepcopy])
@pytest.mark.parametrize(("cell", "nonlinearity"), [*CASES, ("tests.own_cell.MinimalGatedUnit", None)])
def test_a_network_that_was_pickled_computes_the_same(cell: str, nonlinearity: str | None, again: Any) -> None:
    network = RecurrentNetwork(cell, 2, 3, 4, 2, nonlinearity=nonlinearity)
    inputs = torch.randn(5, 3, 3)
    outputs, _ = network(inputs, steps=3)
    copied = again(network)
    assert torch.equal(copied(inputs, steps=3)[0], outputs)
    assert [one.activation for one in copied.stack.cells] == [one.activation for one in network.stack.cells]
