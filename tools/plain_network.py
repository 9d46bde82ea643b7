"""A recurrent network as one would write it without this package: what the benchmarks measure against.

Its cells are the equations of Collins et al. 2017, sec. 1.4, in plain torch, one time step after another.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GATES = {"rnn": 1, "irnn": 1, "ugrnn": 2, "gru": 3, "lstm": 4, "intersection": 4}
"""Gates of each cell, candidates included."""

STEPS = 5
"""Unrolled steps; the input is shown at the first."""


class PlainLayer(nn.Module):
    """One layer of a cell.

    Args:
        cell: A name in GATES.
        inputs: Features of the input.
        units: Units n.
    """

    def __init__(self, cell: str, inputs: int, units: int) -> None:
        super().__init__()
        rows = GATES[cell] * units
        self.cell = cell
        self.wx = nn.Parameter(torch.randn(rows, inputs) * inputs**-0.5)
        self.wh = nn.Parameter(torch.randn(rows, units) * units**-0.5)
        self.bias = nn.Parameter(torch.zeros(rows))
        self.start = nn.Parameter(torch.zeros(2 if cell == "lstm" else 1, units))

    def forward(self, inputs: list[Tensor | None], batch: int) -> list[Tensor]:
        """Outputs of all steps, each (batch, n); an input of None is zero."""
        state = self.start.unsqueeze(1).expand(-1, batch, -1)
        h, c = state[0], state[-1]
        outputs = []
        for x in inputs:
            ahead = self.bias if x is None else x @ self.wx.T + self.bias
            y, h, c = self.step(x, ahead, h, c)
            outputs.append(y)
        return outputs

    def step(self, x: Tensor | None, ahead: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Output, state and memory."""
        n = h.shape[-1]
        if self.cell == "gru":
            r, u = torch.sigmoid(ahead[..., : 2 * n] + h @ self.wh[: 2 * n].T).chunk(2, -1)
            candidate = torch.tanh(ahead[..., 2 * n :] + (r * h) @ self.wh[2 * n :].T)
            h = u * h + (1 - u) * candidate
            return h, h, c
        gates = ahead + h @ self.wh.T
        if self.cell == "rnn":
            h = torch.tanh(gates)
        elif self.cell == "irnn":
            h = torch.relu(gates)
        elif self.cell == "ugrnn":
            g, candidate = gates.chunk(2, -1)
            g = torch.sigmoid(g)
            h = g * h + (1 - g) * torch.tanh(candidate)
        elif self.cell == "lstm":
            i, f, o, candidate = gates.chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(candidate)
            h = torch.sigmoid(o) * torch.tanh(c)
        elif x is not None:
            gy, gh, y, through = gates.chunk(4, -1)
            gy, gh = torch.sigmoid(gy), torch.sigmoid(gh)
            h = gh * h + (1 - gh) * torch.tanh(through)
            return gy * x + (1 - gy) * torch.relu(y), h, c
        return h, h, c


class PlainNetwork(nn.Module):
    """A stack of one cell and a readout of the last step; the +RNN has two layers, the others one.

    Args:
        cell: A name in GATES.
        inputs: Features of the input.
        units: Units n.
    """

    def __init__(self, cell: str, inputs: int, units: int) -> None:
        super().__init__()
        twice = cell == "intersection"
        self.projection = nn.Linear(inputs, units) if twice else None
        sizes = [units, units] if twice else [inputs]
        self.layers = nn.ModuleList(PlainLayer(cell, size, units) for size in sizes)
        self.readout = nn.Linear(units, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, (batch,), of inputs (batch, features)."""
        batch = inputs.shape[0]
        sequence: list[Tensor | None] = [inputs, *[None] * (STEPS - 1)]
        if self.projection is not None:
            rest = self.projection.bias.expand(batch, -1)
            sequence = [self.projection(inputs), *[rest] * (STEPS - 1)]
        for layer in self.layers:
            sequence = layer(sequence, batch)
        read: Tensor = self.readout(sequence[-1])
        return read.squeeze(-1)


def products(cell: str, inputs: int, units: int, *, first_state_shared: bool) -> int:
    """Floating-point operations of a training step's matrix products for one sample.

    There and back, to weights and to states: 3 for each recurrent product of each step and for each product of an upper
    layer, 2 for the input's, of which no gradient is wanted. The addition of a product counts, too.

    Args:
        cell: A name in GATES.
        inputs: Features of the input.
        units: Units n.
        first_state_shared: Leave out the first step's recurrent products: there the state is one for all samples, so
            that they need not be made for each.
    """
    steps = STEPS - 1 if first_state_shared else STEPS
    square = 3 * steps * GATES[cell] * units * units
    if cell == "intersection":
        upper = 3 * STEPS * GATES[cell] * units * units
        multiplications = 2 * inputs * units + 2 * square + upper + 3 * GATES[cell] * units * units
    else:
        multiplications = square + 2 * GATES[cell] * inputs * units
    return 2 * (multiplications + 3 * units)
