"""Benchmarks the forward and backward pass of a layer of each cell against torch's LSTM, GRU and RNN.

    python tools/bench_cells.py --json tools/results/bench_cells.json

Times a training step's work on one layer or four (outputs summed, gradients of every parameter, none of the input) for
a `Stack` of each cell, for torch.nn.LSTM, GRU and RNN, and for the UGRNN of the package torchrecurrent if it is
installed, on torch's own number of threads, side by side, and prints the medians as a Markdown table for each shape.
GFLOP/s counts the matrix products alone, 2 G n (2 m + 3 n) for a step of one sample with G gates, n units and m inputs:
forward, to the weights, and back through the state; an upper layer's inputs have a gradient, too. The last column is
the time over that of torch.LSTM times G / 4. The +RNN (intersection) is timed and counted with its projection of the
input, and its first layer then reads n inputs that have a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import product
from typing import Any

import torch
from measuring import CELLS, conditions, median_seconds, script_parser, timed
from recording import Run, markdown_table, save_results
from torch import Tensor, nn

from rnn_capacity.models import Stack

SHAPES = ((50, 64, 128, 256), (175, 64, 300, 52), (50, 128, 27, 548))
"""Measured shapes as (time steps, batch size, input features, units)."""

TORCH = {"torch.RNN": (nn.RNN, "rnn"), "torch.GRU": (nn.GRU, "gru"), "torch.LSTM": (nn.LSTM, "lstm")}
"""Torch's recurrent layer classes by name, each with the cell that has the same number of gates."""


def forward_backward(layer: Callable[[Tensor], Any], parameters: list[Tensor], inputs: Tensor) -> Callable[[], float]:
    """Return a function that runs a layer forward and backward once and returns the seconds."""
    return timed(lambda: torch.autograd.grad(layer(inputs)[0].sum(), parameters))


def products(cell: str, depth: int, inputs: int, units: int) -> int:
    """Return the FLOPs of the matrix products in one time step of one sample, forward and backward."""
    gates = CELLS[cell].gates
    upper = gates * units * (3 * units + 3 * units)
    first = gates * units * (2 * inputs + 3 * units)
    if cell == "intersection":  # the projection, then a layer whose input has a gradient
        first = 2 * inputs * units + upper
    return 2 * (first + (depth - 1) * upper)


def layers(depth: int, inputs: int, units: int) -> dict[str, tuple[nn.Module, str]]:
    """Make the layers to measure, by name, each with the cell that has the same matrix products."""
    found: dict[str, tuple[nn.Module, str]] = {cell: (Stack(cell, depth, inputs, units), cell) for cell in CELLS}
    for name, (kind, cell) in TORCH.items():
        found[name] = kind(inputs, units, num_layers=depth, batch_first=True), cell
    try:  # of the paper's cells it has the UGRNN, and a +RNN that cannot project its input
        ugrnn = import_module("torchrecurrent").UGRNN(inputs, units, num_layers=depth, batch_first=True)
    except ImportError:
        return found
    found["torchrecurrent.UGRNN"] = ugrnn, "ugrnn"
    return found


def measure(steps: int, batch: int, inputs: int, units: int, depth: int, rounds: int) -> list[Run]:
    """Return time and GFLOP/s of each layer at one shape, as one result per layer."""
    torch.manual_seed(0)
    sequence = torch.randn(batch, steps, inputs)
    kinds = layers(depth, inputs, units)
    seconds = median_seconds(
        {name: forward_backward(layer, list(layer.parameters()), sequence) for name, (layer, _) in kinds.items()},
        rounds,
    )
    shape = {"steps": steps, "batch": batch, "inputs": inputs, "units": units, "depth": depth}
    runs = []
    for name, (_, cell) in kinds.items():
        operations = steps * batch * products(cell, depth, inputs, units)
        share = seconds[name] / (seconds["torch.LSTM"] * CELLS[cell].gates / 4)
        rates = {"milliseconds": 1e3 * seconds[name], "gflops": operations / seconds[name] / 1e9}
        runs.append({"cell": name, **shape, **rates, "over_torch_lstm_per_gate": share})
    return runs


def main() -> None:
    """Print a Markdown table for each shape and depth, and save the results if `--json` is given."""
    parser = script_parser(__doc__, json=True)
    parser.add_argument("--depths", nargs="*", type=int, default=[1, 4], help="layers")
    parser.add_argument(
        "--shapes", nargs="*", type=int, default=[0, 1, 2], choices=[0, 1, 2], help="which of the three shapes"
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    arguments = parser.parse_args()
    print(conditions())
    runs: list[Run] = []
    for depth, place in product(arguments.depths, arguments.shapes):
        found = measure(*SHAPES[place], depth, arguments.rounds)
        steps, batch, inputs, units = SHAPES[place]
        print(f"\n{steps} steps, batch {batch}, {inputs} -> {units}, depth {depth}\n")
        names = ("milliseconds", "gflops", "over_torch_lstm_per_gate")
        rows = [
            (run["cell"], *(f"{run[name]:.{digits}f}" for name, digits in zip(names, (1, 1, 2), strict=True)))
            for run in found
        ]
        print(markdown_table(("layer", "ms", "GFLOP/s", "over torch.LSTM x gates / 4"), rows), flush=True)
        runs += found
    save_results(arguments.json, runs)


if __name__ == "__main__":
    main()
