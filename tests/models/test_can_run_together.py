"""Decision whether networks can run in an ensemble."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS, Cell, GatedCell, Projected, State
from rnn_capacity.models import RecurrentNetwork, can_run_together
from tests.own_cell import MinimalGatedUnit
from tests.population import own_cells


class Counting(GatedCell):
    """An RNN that counts its steps in an attribute, and in a buffer if asked to."""

    gates = ("candidate",)

    def __init__(self, input_size: int, hidden_size: int, *args: Any, buffer: bool = False, **kwargs: Any) -> None:
        super().__init__(input_size, hidden_size, *args, **kwargs)
        self.count: Any = 0
        if buffer:
            del self.count
            self.register_buffer("count", torch.zeros(()))

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        self.count = self.count + 1
        hidden = torch.tanh(self.recur(projected[0], state[0], self.weight_recurrent, mask) / self.count)
        return hidden, (hidden,)


class Noisy(GatedCell):
    """An RNN with noise in its state."""

    gates = ("candidate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        hidden = hidden + 0.1 * torch.randn_like(hidden)
        return hidden, (hidden,)


class Writing(GatedCell):
    """An RNN that writes its state over a tensor that it shares with all others."""

    gates = ("candidate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        copied = torch.zeros(hidden.shape, dtype=hidden.dtype)
        copied[:] = hidden
        return copied, (copied,)


class Failing(Cell):
    """A cell whose step fails."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        raise KeyError("mine")


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize(
    "cell",
    [
        *CELLS,
        MinimalGatedUnit,
        own_cells.LeakyCell,
        own_cells.OneNetworkCell,
        own_cells.MixingCell,
        own_cells.BufferCell,
        own_cells.SlopeCell,
    ],
)
def test_networks_of_a_cell_that_is_a_pure_function_can_run_together(cell: str | type[Cell], depth: int) -> None:
    assert can_run_together(RecurrentNetwork(cell, depth, 3, 4, 2, layer_norm=True, residual=True))


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (own_cells.BranchingCell, {}),
        (own_cells.SilentlyBranchingCell, {}),
        (own_cells.SpareCell, {}),
        (Counting, {}),
        (Counting, {"buffer": True}),
        (Noisy, {}),
        (Writing, {}),
        (Failing, {}),
    ],
)
def test_networks_of_a_cell_that_vmap_maps_wrongly_cannot_run_together(
    cell: type[Cell], options: dict[str, Any]
) -> None:
    network = RecurrentNetwork(cell, 1, 4, 4, 2, cell_options=options)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert not can_run_together(network)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("cell", ["gru", MinimalGatedUnit])
def test_networks_with_dropout_or_frozen_parameters_cannot_run_together(cell: str | type[Cell]) -> None:
    for options in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}):
        assert not can_run_together(RecurrentNetwork(cell, 2, 3, 4, 2, **options))
    network: nn.Module = RecurrentNetwork(cell, 2, 3, 4, 2)
    next(network.parameters()).requires_grad_(False)
    assert not can_run_together(network)
