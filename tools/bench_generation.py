"""Measures the fraction of a training step spent on drawing its batch, for tasks with new samples at every step.

    python tools/bench_generation.py

One thread, depth 1, Adam; each batch and the rest of its step are timed in turn, and the least of several turns counts.
The random continuous function is drawn once, and only chooses samples at a step: `source s` is the time of that draw,
`peak MiB` the memory that it adds.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass

import torch
from measuring import conditions, script_parser
from recording import markdown_table

from rnn_capacity.models import RecurrentNetwork, units_for_budget
from rnn_capacity.tasks import ContinuousFunction, Parentheses
from rnn_capacity.training import Task

TURNS = 10


@dataclass
class Case:
    """A task and the network that learns it."""

    task: Task
    cell: str
    max_parameters: int


CASES = [
    Case(ContinuousFunction(), "rnn", 3000),
    Case(Parentheses(batch_size=64), "rnn", 200_000),
    Case(Parentheses(batch_size=64), "gru", 60_000),
]
"""The measured tasks, each with a cell and a parameter budget."""


def peak_memory() -> float:
    """Return the most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(case: Case) -> tuple[object, ...]:
    """Return the table row of a case: sizes, times of drawing and training a batch, memory."""
    memory, start = peak_memory(), time.perf_counter()
    source = case.task.batch_source(torch.device("cpu"), torch.float32)
    made = time.perf_counter() - start
    grown = peak_memory() - memory
    features, outputs = case.task.input_size, case.task.output_size
    units = units_for_budget(case.cell, 1, case.max_parameters, features, outputs)
    network = RecurrentNetwork(case.cell, 1, features, units, outputs, seed=0)
    optimizer = torch.optim.Adam(network.parameters())
    drawing, learning = [], []
    for step in range(TURNS + 1):
        start = time.perf_counter()
        batch = source.batch(step)
        drawn = time.perf_counter()
        loss = case.task.loss_per_sample(case.task.predict(network, batch)[0], batch).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types it so
        optimizer.step()
        learning.append(time.perf_counter() - drawn)
        drawing.append(drawn - start)
    draw, learn = min(drawing[1:]), min(learning[1:])  # the first turn warms up
    sizes = case.task.name, case.cell, f"{network.parameters_total:,}", batch.size
    times = f"{1000 * draw:.2f}", f"{1000 * learn:.1f}", f"{draw / (draw + learn):.2%}"
    return *sizes, *times, f"{made:.2f}", f"{grown:.0f}"


def main() -> None:
    """Measure all cases and print them as a Markdown table."""
    script_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    print(conditions() + "\n")
    header = ("task", "cell", "parameters", "batch", "draw ms", "rest ms", "share", "source s", "peak MiB")
    print(markdown_table(header, map(measure, CASES)))


if __name__ == "__main__":
    main()
