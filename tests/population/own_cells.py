"""Cells that users might bring."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnn_capacity.cells import Cell, GatedCell, Projected, State


class LeakyCell(Cell):
    """A cell without gates, h = a·h' + tanh(w·h' + V x), where only V is a matrix."""

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str | None = None) -> None:
        super().__init__(input_size, hidden_size, nonlinearity)
        self.leak = nn.Parameter(torch.linspace(0.1, 0.9, hidden_size))
        self.own = nn.Parameter(torch.linspace(-0.5, 0.5, hidden_size))
        self.weight = nn.Parameter(torch.linspace(-1, 1, hidden_size * input_size).view(hidden_size, input_size))

    def project(self, inputs: Tensor) -> Projected:
        return (inputs @ self.weight.t(),)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        (hidden,) = state
        hidden = self.leak * hidden + torch.tanh(self.own * hidden + projected[0])
        return hidden, (hidden,)


class TwoArgumentCell(Cell):
    """A cell whose constructor takes no more than the two sizes."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.linspace(-1, 1, hidden_size * input_size).view(hidden_size, input_size))

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(0.5 * state[0] + projected[0] @ self.weight.t())
        return hidden, (hidden,)


class OneNetworkCell(GatedCell):
    """An RNN whose code does not broadcast over stacked weights."""

    gates = ("candidate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(projected[0] + nn.functional.linear(state[0], self.weight_recurrent))
        return hidden, (hidden,)


class MixingCell(GatedCell):
    """An RNN whose code would mix networks up if it ran on stacked weights."""

    gates = ("candidate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        first = self.weight_recurrent.reshape(-1, self.hidden_size, self.hidden_size)[0]
        hidden = torch.tanh(projected[0] + state[0] @ first.mT)
        return hidden, (hidden,)


class SlopeCell(GatedCell):
    """An RNN, h = tanh(slope · (W_h h' + W_x x + b)), whose slope is a Python number."""

    gates = ("candidate",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
        slope: float = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity, b_fg)
        self.slope = slope

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.slope * self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)


class BranchingCell(OneNetworkCell):
    """A cell that branches on the value of a tensor, read as a Python number."""

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden, _ = super().step(projected, state, mask)
        if float(hidden.detach().sum()) > 1e9:
            hidden = -hidden
        return hidden, (hidden,)


class SilentlyBranchingCell(GatedCell):
    """A cell that branches on a tensor without converting it to a Python number."""

    gates = ("candidate",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        if hidden.detach().abs().max() > 0.999:
            hidden = 0.5 * hidden
        return hidden, (hidden,)


class BufferCell(GatedCell):
    """An RNN, h = tanh(scale · (W_h h' + W_x x + b)), whose scale is a buffer with one number per network."""

    gates = ("candidate",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity, b_fg)
        self.scale: Tensor
        self.register_buffer("scale", torch.tensor(scale))

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.scale * self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)


class SignsCell(GatedCell):
    """An RNN, h = tanh(signs · (W_h h' + W_x x + b)), whose signs are a tensor that is not a buffer."""

    gates = ("candidate",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
        strength: float = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity, b_fg)
        self.signs = torch.full((hidden_size,), strength, dtype=torch.float64)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.signs * self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)


class SpareCell(GatedCell):
    """An RNN with a parameter that its step does not use."""

    gates = ("candidate",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity, b_fg)
        self.spare = nn.Parameter(torch.ones(hidden_size))

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        hidden = torch.tanh(self.recur(projected[0], state[0], self.weight_recurrent, mask))
        return hidden, (hidden,)

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        return super().parameter_count(input_size, hidden_size) + hidden_size
