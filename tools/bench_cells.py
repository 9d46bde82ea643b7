"""How fast a layer of each cell is, forward and backward, beside torch's own recurrent layers.

    python tools/bench_cells.py

Times a training step's work on one layer (outputs summed, gradients of every parameter, none of the input) for a
`Stack` of each cell and for torch.nn.LSTM, GRU and RNN, on the CPU with torch's own number of threads, in turns, and
prints the medians as a Markdown table for each shape. GFLOP/s counts the matrix products alone, 2 G n (2 m + 3 n) for a
step of one sample with G gates, n units and m inputs: forward, to the weights, and back through the state. The last
column is the time over that of nn.LSTM times G / 4. The +RNN (intersection) is timed and counted with its projection of
the input, and its layer then reads n inputs that have a gradient.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS
from rnn_capacity.models import Stack

SHAPES = ((50, 64, 128, 256), (175, 64, 300, 52), (50, 128, 27, 548))
"""Steps, batch, inputs and units."""

GATES = {"rnn": 1, "irnn": 1, "ugrnn": 2, "gru": 3, "lstm": 4, "intersection": 4}
TORCH = {"nn.RNN": (nn.RNN, 1), "nn.GRU": (nn.GRU, 3), "nn.LSTM": (nn.LSTM, 4)}

Pass = Callable[[], None]


def training_pass(layer: nn.Module, inputs: Tensor) -> Pass:
    """A function that runs the layer over the inputs and back."""

    def run() -> None:
        layer.zero_grad()
        layer(inputs)[0].sum().backward()

    return run


def products(cell: str, gates: int, inputs: int, units: int) -> int:
    """Floating-point operations of a step of one sample, forward and backward."""
    if cell == "intersection":  # the projection, then a layer whose input has a gradient
        return 2 * (2 * inputs * units + gates * units * (3 * units + 3 * units))
    return 2 * gates * units * (2 * inputs + 3 * units)


def layers(inputs: int, units: int) -> dict[str, tuple[nn.Module, int]]:
    """The layers under measurement, each with its gates: ours read (batch, time, ...), and so do torch's."""
    ours = {cell: (Stack(cell, 1, inputs, units), GATES[cell]) for cell in CELLS}
    return {**ours, **{name: (kind(inputs, units, batch_first=True), gates) for name, (kind, gates) in TORCH.items()}}


def milliseconds(passes: dict[str, Pass], repeats: int) -> dict[str, float]:
    """The median time of each pass, all of them once in every turn, after one turn to warm up."""
    times: dict[str, list[float]] = {name: [] for name in passes}
    for turn in range(repeats + 1):
        for name, run in passes.items():
            start = time.perf_counter()
            run()
            if turn:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(taken) for name, taken in times.items()}


def table(steps: int, batch: int, inputs: int, units: int, repeats: int) -> str:
    """Measure one shape, as a Markdown table."""
    torch.manual_seed(0)
    sequence = torch.randn(batch, steps, inputs)
    kinds = layers(inputs, units)
    taken = milliseconds({name: training_pass(layer, sequence) for name, (layer, _) in kinds.items()}, repeats)
    lines = [
        f"{steps} steps, batch {batch}, {inputs} -> {units}",
        "",
        "| layer | ms | GFLOP/s | over nn.LSTM x gates / 4 |",
        "|---|---|---|---|",
    ]
    for name, (_, gates) in kinds.items():
        rate = steps * batch * products(name, gates, inputs, units) / taken[name] / 1e6
        ratio = taken[name] / (taken["nn.LSTM"] * gates / 4)
        lines.append(f"| {name} | {taken[name]:.1f} | {rate:.1f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables of all shapes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="timed turns of each shape")
    arguments = parser.parse_args()
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load average {load} before")
    for shape in SHAPES:
        print("\n" + table(*shape, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
