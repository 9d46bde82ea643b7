"""Ensembles of K networks, run by step kernels and by vmap, compared with each network alone."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS, Cell, LSTMCell, Projected, RNNCell, State, cell_class
from rnn_capacity.kernels import STEP_KERNELS, BackwardArguments
from rnn_capacity.kernels.rnn import RNNKernel
from rnn_capacity.kernels.step import GradState, Saved
from rnn_capacity.models import NetworkEnsemble, RecurrentNetwork
from tests.own_cell import MinimalGatedUnit
from tests.population.own_cells import LeakyCell, MixingCell, OneNetworkCell

NETWORKS, BATCH, FEATURES = 3, 6, 5


class HalfStep(RNNCell):
    """An RNN with a step of its own, which halves the output."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = 0.5 * self.activation(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)


class DoubleInput(LSTMCell):
    """An LSTM that doubles the projected input."""

    def project(self, inputs: Tensor) -> Projected:
        return tuple(2 * part for part in super().project(inputs))


class HalfRecurrence(RNNCell):
    """An RNN that halves the recurrent product."""

    @staticmethod
    def recur(projected: Tensor, hidden: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
        return projected + 0.5 * hidden @ weight.mT


class HalfStepKernel(RNNKernel):
    """The kernel of `HalfStep`."""

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        whole, _, saved = super().forward_step(projected, state, weights)
        return 0.5 * whole, (0.5 * whole,), saved

    def backward_step(self, arguments: BackwardArguments) -> GradState:
        parts = [part for part in (arguments.grad_output, *arguments.grad_state) if part is not None]
        half = 0.5 * sum(parts[1:], parts[0])
        return super().backward_step(arguments._replace(grad_output=half, grad_state=(None,)))


class TiedCell(Cell):
    """h = tanh(W h' + V x), W = V: one parameter under two names."""

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str | None = None) -> None:
        super().__init__(input_size, hidden_size, nonlinearity)
        self.weight_input = nn.Parameter(torch.linspace(-1, 1, hidden_size * input_size).view(hidden_size, input_size))
        self.weight_recurrent = self.weight_input

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(projected[0] @ self.weight_input.mT + state[0] @ self.weight_recurrent.mT)
        return hidden, (hidden,)


OWN: tuple[type[Cell], ...] = (
    OneNetworkCell,
    MixingCell,
    LeakyCell,
    MinimalGatedUnit,
    HalfStep,
    DoubleInput,
    HalfRecurrence,
)


def networks(cell: str | type[Cell], depth: int, size: int = 4, **options: Any) -> list[RecurrentNetwork]:
    made = []
    for seed in range(NETWORKS):
        offset = {} if cell is LeakyCell else {"b_fg": 0.7 * seed}
        network = RecurrentNetwork(cell, depth, FEATURES, size, 2, seed=seed, cell_options=offset, **options).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        made.append(network)
    return made


def compare(
    together: NetworkEnsemble, alone: list[RecurrentNetwork], inputs: Tensor, repeat_last: bool = False
) -> None:
    options = {"steps": 4, "warmup": 1, "repeat_last": repeat_last}
    outputs, states = together(inputs, **options)
    assert states == []
    assert outputs.shape == (NETWORKS, BATCH, 3, 2)
    grad_outputs = torch.randn_like(outputs)
    found = torch.autograd.grad(outputs, list(together.parameters()), grad_outputs)
    for place, network in enumerate(alone):
        expected, _ = network(inputs[place % len(inputs)], **options)
        torch.testing.assert_close(outputs[place], expected, rtol=1e-12, atol=1e-12)
        wanted = torch.autograd.grad(expected, list(network.parameters()), grad_outputs[place])
        for one, two in zip(found, wanted, strict=True):
            torch.testing.assert_close(one[place], two, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"layer_norm": True, "residual": True}], ids=["plain", "norm"])
@pytest.mark.parametrize("own", [NETWORKS, 1], ids=["own samples", "shared samples"])
@pytest.mark.parametrize(("cell", "by_kernel"), [*product(CELLS, (True, False)), *product(OWN, (False,))])
def test_outputs_and_gradients_are_those_of_each_network_alone(
    cell: str | type[Cell], by_kernel: bool, own: int, options: dict[str, bool]
) -> None:
    for depth in sorted({cell_class(cell).min_network_depth, 3}):
        alone = networks(cell, depth, **options)
        together = NetworkEnsemble(alone)
        assert (together.kernel is None) == (cell in OWN)
        together.kernel = together.kernel if by_kernel else None
        for times, repeat_last in ((1, False), (2, True), (4, False)):
            inputs = torch.randn(own, BATCH, times, FEATURES, dtype=torch.float64)
            compare(together, alone, inputs, repeat_last)
        compare(together, alone, torch.randint(FEATURES, (own, BATCH, 3, 2)))


def test_a_kernel_added_to_the_table_runs_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEP_KERNELS, HalfStep, HalfStepKernel)
    alone = networks(HalfStep, 2)
    together = NetworkEnsemble(alone)
    assert type(together.kernel) is HalfStepKernel
    inputs = torch.randn(NETWORKS, BATCH, 2, FEATURES, dtype=torch.float64)
    compare(together, alone, inputs)
    assert not torch.allclose(together(inputs)[0], NetworkEnsemble(networks(RNNCell, 2))(inputs)[0], atol=1e-2)


@pytest.mark.parametrize("size", [NETWORKS, FEATURES])
def test_a_parameter_under_two_names_stays_one(size: int) -> None:
    alone = [RecurrentNetwork(TiedCell, 1, size, size, 2, seed=seed).double() for seed in range(NETWORKS)]
    together = NetworkEnsemble(alone)
    assert [len(parameter) for parameter in together.parameters()] == [NETWORKS] * len(list(alone[0].parameters()))
    compare(together, alone, torch.randn(1, BATCH, 4, size, dtype=torch.float64))


@pytest.mark.parametrize("cell", ["rnn", OneNetworkCell])
def test_the_parameters_of_an_ensemble_are_copies(cell: str | type[Cell]) -> None:
    alone = networks(cell, 1)
    together = NetworkEnsemble(alone)
    assert [len(parameter) for parameter in together.parameters()] == [NETWORKS] * len(list(alone[0].parameters()))
    with torch.no_grad():
        for parameter in together.parameters():
            parameter.zero_()
    assert all(bool(parameter.any()) for network in alone for parameter in network.parameters())
    outputs, _ = together(torch.randn(1, BATCH, 4, FEATURES, dtype=torch.float64))
    assert not outputs.any()


def test_networks_that_differ_are_refused() -> None:
    frozen = networks("rnn", 1)
    frozen[0].readout.requires_grad_(False)
    others = (networks("gru", 1), networks("rnn", 2), networks("rnn", 1, size=3), networks("irnn", 1), frozen)
    for other in (*others, networks("rnn", 1, nonlinearity="relu")):
        with pytest.raises(
            ValueError, match=r"networks must have one cell, depth, size and options, got .* networks\[3\]"
        ):
            NetworkEnsemble([*networks("rnn", 1), *other])
    with pytest.raises(ValueError, match="number of networks must be at least 1, got 0"):
        NetworkEnsemble([])


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option} must be 0 in an ensemble, got 0.3"):
        NetworkEnsemble(networks("rnn", 2, **{option: 0.3}))


def test_a_state_is_refused() -> None:
    state: Any = [(torch.zeros(BATCH, 4),)]
    with pytest.raises(ValueError, match="state must be None for an ensemble, got list"):
        NetworkEnsemble(networks("rnn", 1))(torch.zeros(1, BATCH, 2, FEATURES), state)


@pytest.mark.parametrize("cell", ["rnn", OneNetworkCell])
def test_inputs_without_a_dimension_for_the_networks_are_refused(cell: str | type[Cell]) -> None:
    together = NetworkEnsemble(networks(cell, 1))
    with pytest.raises(ValueError, match=r"inputs must have shape \(networks, batch, time, 5\), got \(6, 2, 5\)"):
        together(torch.zeros(6, 2, 5, dtype=torch.float64))
