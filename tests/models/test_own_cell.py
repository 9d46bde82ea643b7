"""Users' cells, gated or not, in stacks, networks and parameter counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import Cell, GatedCell, Projected, State
from rnn_capacity.models import Initialization, RecurrentNetwork, Stack, parameter_count, units_for_budget
from tests.population.own_cells import TwoArgumentCell

Randomise = Callable[[nn.Module], None]


class Coupled(GatedCell):
    """A gated cell that defines only gates and step: f = sigmoid(·), c = f·c' + (1 - f)·s(·)."""

    gates = ("keep", "candidate")

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        (hidden,) = state
        keep, candidate = self.recur(projected[0], hidden, self.weight_recurrent, mask).chunk(2, dim=-1)
        keep = torch.sigmoid(keep)
        hidden = keep * hidden + (1 - keep) * self.activation(candidate)
        return hidden, (hidden,)


class Rotation(Cell):
    """A cell that rotates two state vectors by a learned angle and adds W x; the output is their product."""

    state_names = ("left", "right")

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str | None = None, start: float = 0.3) -> None:
        super().__init__(input_size, hidden_size, nonlinearity)
        self.drive = nn.Linear(input_size, hidden_size, bias=False)
        self.angle = nn.Parameter(torch.full((hidden_size,), start))

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        left, right = state
        left, right = (
            self.angle.cos() * left - self.angle.sin() * right + self.drive(projected[0]),
            self.angle.sin() * left + self.angle.cos() * right,
        )
        return self.activation(left * right), (left, right)


class Sum(Cell):
    """A cell h = h' + x without parameters and without a dropout mask."""

    def step(self, projected: Projected, state: State) -> tuple[Tensor, State]:
        hidden = state[0] + projected[0]
        return hidden, (hidden,)


OWN = [Coupled, Rotation]


def by_path(kind: type[Cell]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", OWN)
def test_a_users_cell_runs_in_a_stack_as_it_does_alone(kind: type[Cell], randomise: Randomise) -> None:
    stack = Stack(kind, 2, 3, 4)
    randomise(stack)
    inputs = torch.randn(2, 5, 3, dtype=torch.float64)
    sequence = list(inputs.unbind(1))
    for cell, learned in zip(stack.cells, stack.initial_states, strict=True):
        state = tuple(row.expand(2, -1) for row in learned)
        for time, step in enumerate(sequence):
            sequence[time], state = cell(step, state)
    torch.testing.assert_close(stack(inputs)[0], torch.stack(sequence, dim=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", OWN)
def test_a_users_cell_takes_lengths_steps_and_an_expanded_input(kind: type[Cell], randomise: Randomise) -> None:
    stack = Stack(kind, 2, 3, 4)
    randomise(stack)
    inputs = torch.randn(2, 1, 3, dtype=torch.float64).expand(-1, 3, -1)
    outputs, state = stack(inputs, lengths=torch.tensor([2, 3]))
    alone, end = stack(inputs[:1, :2])
    torch.testing.assert_close(outputs[0, :2], alone[0], rtol=0, atol=1e-12)
    torch.testing.assert_close([part[0] for part in state[1]], [part[0] for part in end[1]], rtol=0, atol=1e-12)
    padded = torch.cat((inputs, torch.zeros(2, 2, 3, dtype=torch.float64)), dim=1)
    torch.testing.assert_close(stack(inputs, steps=5), stack(padded), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", OWN)
def test_a_users_cell_takes_the_indices_of_a_multi_hot_input(kind: type[Cell]) -> None:
    stack = Stack(kind, 2, 5, 4)
    indices = torch.randint(5, (2, 3, 2))
    multi_hot = nn.functional.one_hot(indices, 5).sum(2).float()
    torch.testing.assert_close(stack(indices), stack(multi_hot), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("depth", [1, 3])
def test_the_parameters_of_a_users_cell_are_counted_by_class_and_by_class_path(kind: type[Cell], depth: int) -> None:
    network = RecurrentNetwork(by_path(kind), depth, 5, 4, 2, layer_norm=True)
    assert type(network.stack.cells[0]) is kind
    count = sum(parameter.numel() for parameter in network.parameters())
    assert parameter_count(kind, depth, 4, 5, 2, layer_norm=True) == count
    assert parameter_count(by_path(kind), depth, 4, 5, 2, layer_norm=True) == count


@pytest.mark.parametrize("kind", OWN)
def test_the_units_of_a_users_cell_fill_a_budget(kind: type[Cell]) -> None:
    units = units_for_budget(by_path(kind), 2, 3000, 5, 2)
    assert units == units_for_budget(kind, 2, 3000, 5, 2)
    assert parameter_count(kind, 2, units, 5, 2) <= 3000 < parameter_count(kind, 2, units + 1, 5, 2)


@pytest.mark.parametrize("kind", OWN)
def test_a_users_cell_learns_in_a_network(kind: type[Cell]) -> None:
    network = RecurrentNetwork(kind, 2, 3, 8, 1, seed=0)
    inputs, targets = torch.randn(16, 4, 3), torch.randn(16, 4, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for _ in range(80):
        loss = nn.functional.mse_loss(network(inputs)[0], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_gated_cell_is_initialised_by_the_network_and_any_other_cell_by_itself() -> None:
    start = Initialization(recurrent="identity", bias_scale=0.5)
    gated = Stack(Coupled, 1, 3, 4, initialization=start).cells[0]
    assert torch.equal(gated.weight_recurrent, torch.eye(4).repeat(2, 1))
    assert (gated.bias == 0.5).all()
    other = Stack(Rotation, 1, 3, 4, initialization=start, cell_options={"start": 0.7}).cells[0]
    assert (other.angle == 0.7).all()


@pytest.mark.parametrize(
    ("kind", "options"), [(Coupled, {"nonlinearity": "sigmoid"}), (Rotation, {"nonlinearity": "sigmoid"})]
)
def test_the_nonlinearity_of_a_users_cell_is_checked(kind: type[Cell], options: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=f"nonlinearity of {kind.__name__} must be one of tanh, relu, null; got 'sigmoid'"
    ):
        Stack(kind, 1, 3, 4, **options)


def test_a_cell_without_step_raises_an_error() -> None:
    with pytest.raises(NotImplementedError, match="Cell has no step"):
        Stack(Cell, 1, 3, 4)(torch.zeros(1, 2, 3))


def test_a_step_without_a_mask_argument_runs_without_recurrent_dropout() -> None:
    inputs = torch.randn(2, 5, 3)
    torch.testing.assert_close(Stack(Sum, 1, 3, 3)(inputs)[0], inputs.cumsum(1))
    with pytest.raises(ValueError, match=r"recurrent_dropout must be 0 for Sum, whose step takes no mask, got 0.5"):
        Stack(Sum, 1, 3, 3, recurrent_dropout=0.5)


@pytest.mark.parametrize("options", [{"b_fg": 1.0}, {"leak": 0.5}])
def test_options_that_a_cell_does_not_take_are_named(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cell_options must be arguments of TwoArgumentCell, as must b_fg") as error:
        RecurrentNetwork(TwoArgumentCell, 1, 3, 4, 2, cell_options=options)
    assert str(options) in str(error.value)


def test_a_nonlinearity_is_given_only_to_a_cell_that_takes_one() -> None:
    assert RecurrentNetwork(TwoArgumentCell, 2, 3, 4, 2)(torch.zeros(1, 2, 3))[0].shape == (1, 2, 2)
    with pytest.raises(ValueError, match=r"cell_options must be arguments of TwoArgumentCell, as must .* nonlinearity"):
        RecurrentNetwork(TwoArgumentCell, 1, 3, 4, 2, nonlinearity="relu")
