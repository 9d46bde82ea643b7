"""Plain recurrent networks written without this package, in functions that PyTorch and JAX share, for benchmarks.

Its cells are the equations of Collins et al. 2017, sec. 1.4, one time step after another, in the functions that PyTorch
and JAX have in common.
"""

from __future__ import annotations

from typing import Any

import torch
from measuring import CELLS
from torch import Tensor, nn

STEPS = 5
"""Number of unrolled time steps; the input is presented at the first."""


def step(ops: Any, cell: str, own: Any, x: Any, h: Any, c: Any) -> tuple[Any, Any, Any]:
    """Compute one time step of a recurrent layer of a named cell.

    Args:
        ops: sigmoid, tanh and relu.
        cell: A name in CELLS.
        own: The layer's arrays: wx (gates n, inputs), wh (gates n, n), bias (gates n).
        x: Input, (batch, inputs); None is zero.
        h: State, (batch, n).
        c: Memory of the LSTM, (batch, n).

    Returns:
        Output, state and memory, (batch, n) each.
    """
    n = h.shape[-1]
    projected = own["bias"] if x is None else x @ own["wx"].T + own["bias"]
    if cell == "gru":
        first = ops.sigmoid(projected[..., : 2 * n] + h @ own["wh"][: 2 * n].T)
        r, u = first[..., :n], first[..., n:]
        candidate = ops.tanh(projected[..., 2 * n :] + (r * h) @ own["wh"][2 * n :].T)
        h = u * h + (1 - u) * candidate
        return h, h, c
    gates = projected + h @ own["wh"].T
    parts = [gates[..., place * n : (place + 1) * n] for place in range(CELLS[cell].gates)]
    if cell == "rnn":
        h = ops.tanh(gates)
    elif cell == "irnn":
        h = ops.relu(gates)
    elif cell == "ugrnn":
        g = ops.sigmoid(parts[0])
        h = g * h + (1 - g) * ops.tanh(parts[1])
    elif cell == "lstm":
        i, f, o, candidate = parts
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
        h = ops.sigmoid(o) * ops.tanh(c)
    else:
        gy, gh = ops.sigmoid(parts[0]), ops.sigmoid(parts[1])
        h = gh * h + (1 - gh) * ops.tanh(parts[3])
        return gy * x + (1 - gy) * ops.relu(parts[2]), h, c
    return h, h, c


def logits(ops: Any, cell: str, weights: Any, inputs: Any) -> Any:
    """Run a recurrent network over `STEPS` time steps and return the readout of the last output as logits.

    Args:
        ops: sigmoid, tanh, relu and broadcast_to.
        cell: A name in CELLS.
        weights: The arrays of `initial_weights`.
        inputs: (batch, features).

    Returns:
        The logits, (batch,).
    """
    batch = inputs.shape[0]
    sequence = [inputs] + [None] * (STEPS - 1)
    if cell == "intersection":
        rest = ops.broadcast_to(weights["project"]["bias"], (batch, len(weights["project"]["bias"])))
        sequence = [inputs @ weights["project"]["weight"].T + rest] + [rest] * (STEPS - 1)
    for layer in range(CELLS[cell].depth):
        own = weights[f"layer{layer}"]
        state = ops.broadcast_to(own["start"][:, None], (len(own["start"]), batch, own["start"].shape[-1]))
        h, c = state[0], state[-1]
        for time, x in enumerate(sequence):
            sequence[time], h, c = step(ops, cell, own, x, h, c)
    return (sequence[-1] @ weights["readout"]["weight"].T + weights["readout"]["bias"])[:, 0]


def initial_weights(cell: str, inputs: int, units: int) -> dict[str, dict[str, Tensor]]:
    """Draw the weights of a network: its layers, its readout and the +RNN's projection of the input."""
    facts = CELLS[cell]
    rows, twice = facts.gates * units, cell == "intersection"
    weights: dict[str, dict[str, Any]] = {"readout": dict(nn.Linear(units, 1).named_parameters())}
    if twice:
        weights["project"] = dict(nn.Linear(inputs, units).named_parameters())
    for layer in range(facts.depth):
        size = units if twice else inputs
        weights[f"layer{layer}"] = {
            "wx": torch.randn(rows, size) * size**-0.5,
            "wh": torch.randn(rows, units) * units**-0.5,
            "bias": torch.zeros(rows),
            "start": torch.zeros(2 if cell == "lstm" else 1, units),
        }
    return {
        part: {name: array.detach().requires_grad_() for name, array in arrays.items()}
        for part, arrays in weights.items()
    }


def products(cell: str, inputs: int, units: int, *, first_state_shared: bool) -> int:
    """Count the floating-point operations of a training step's matrix products for one sample.

    Forward and backward, to weights and to states: 3 for each recurrent product of each step and for each product of an
    upper layer, 2 for the input's, whose gradient is not needed. The addition of a product counts, too.

    Args:
        cell: A name in CELLS.
        inputs: Features of the input.
        units: Units n.
        first_state_shared: Leave out the first step's recurrent products: there all samples have the same state, so
            that one product serves them all.
    """
    gates = CELLS[cell].gates
    steps = STEPS - 1 if first_state_shared else STEPS
    square = 3 * steps * gates * units * units
    if cell == "intersection":
        upper = 3 * STEPS * gates * units * units
        multiplications = 2 * inputs * units + 2 * square + upper + 3 * gates * units * units
    else:
        multiplications = square + 2 * gates * inputs * units
    return 2 * (multiplications + 3 * units)
