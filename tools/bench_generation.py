"""What share of a training step goes into drawing its batch, for the tasks that draw afresh at every step.

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
"""Add a line for another task."""


def peak_memory() -> float:
    """The most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(case: Case) -> str:
    """Time a case; one line of the table."""
    memory, start = peak_memory(), time.perf_counter()
    source = case.task.batch_source(torch.device("cpu"), torch.float32)
    made = time.perf_counter() - start
    grown = peak_memory() - memory
    sizes = case.task.input_size, case.task.output_size
    units = units_for_budget(case.cell, 1, case.max_parameters, *sizes)
    network = RecurrentNetwork(case.cell, 1, sizes[0], units, sizes[1], seed=0)
    optimizer = torch.optim.Adam(network.parameters())
    drawing, learning = [], []
    for step in range(TURNS + 1):
        start = time.perf_counter()
        batch = source.batch(step)
        drawn = time.perf_counter()
        loss = case.task.loss_per_sample(case.task.predict(network, batch)[0], batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learning.append(time.perf_counter() - drawn)
        drawing.append(drawn - start)
    draw, learn = min(drawing[1:]), min(learning[1:])  # the first turn warms up
    return (
        f"{case.task.name:20} {case.cell:6} {network.parameters_total:10,} {batch.size:6} {1000 * draw:9.2f} "
        f"{1000 * learn:9.1f} {draw / (draw + learn):7.2%} {made:9.2f} {grown:9.0f}"
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{'task':20} {'cell':6} {'parameters':>10} {'batch':>6} {'draw ms':>9} {'rest ms':>9} {'share':>7} ", end="")
    print(f"{'source s':>9} {'peak MiB':>9}")
    for case in CASES:
        print(measure(case), flush=True)


if __name__ == "__main__":
    main()
