"""Where the time of a population's step goes.

    python tools/profile_population.py

For a tanh RNN and a UGRNN, 64 networks at the three sizes of tools/bench_population.py: the share of a step's time in
each kind of kernel by torch's profiler, and the rest, which is mostly the way from Python to the kernels. The last
column is what the step keeps of the way there for the way back: it is written to memory once and read once, and beyond
the caches that bounds the step.
"""

from __future__ import annotations

import argparse
import time

import torch
from bench_population import SIZES, members_of
from machine import machine
from rnn_capacity.population.together import Together
from torch.profiler import ProfilerActivity, profile

from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.plan import member_bytes, plan_member

KINDS = {
    "products": ("bmm", "mm", "addmm", "baddbmm"),
    "tanh, sigmoid": ("tanh", "sigmoid", "tanh_backward", "sigmoid_backward"),
    "elementwise": ("add", "sub", "mul", "lerp", "addcmul", "addcdiv", "copy", "div", "sqrt", "fill", "clamp"),
    "sums": ("sum", "mean", "linalg_vector_norm"),
    "loss": ("binary_cross_entropy_with_logits", "log_sigmoid_forward", "log_sigmoid_backward"),
}
"""Kernels by their names in torch, without the underscore of those in place."""

STEPS = 20


def shares(cell: str, units: int, samples: int, members: int) -> str:
    """A line of the table."""
    ways: dict[str, Together | None] = {}
    population = members_of(cell, units, samples, members, 1000)
    plans = [plan_member(index, member, ways) for index, member in enumerate(population)]
    chunk = Chunk(plans, torch.device("cpu"))
    rates = torch.full((members, 1), 1e-3)
    for _ in range(3):
        chunk.step(0, rates)
    start = time.perf_counter()
    for _ in range(STEPS):
        chunk.step(0, rates)
    alone = (time.perf_counter() - start) / STEPS
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(STEPS):
            chunk.step(0, rates)
    taken = dict.fromkeys(KINDS, 0.0)
    for event in seen.key_averages():
        name = event.key.removeprefix("aten::").rstrip("_")
        for kind, names in KINDS.items():
            if name in names:
                taken[kind] += event.self_cpu_time_total / 1e6 / STEPS
    rest = max(0.0, alone - sum(taken.values()))
    cells = [f"{100 * value / alone:.0f} %" for value in (*taken.values(), rest)]
    kept = sum(map(member_bytes, plans)) / 2**20
    return f"| {cell} | {units}, {samples:,} | {1e3 * alone:.1f} | {' | '.join(cells)} | {kept:.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=64, help="networks")
    arguments = parser.parse_args()
    print(f"{machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print(f"| cell | units, samples | ms a step | {' | '.join(KINDS)} | rest | MiB kept |")
    print("|" + "---|" * (5 + len(KINDS)))
    for cell in ("rnn", "ugrnn"):
        for units, samples in SIZES:
            print(shares(cell, units, samples, arguments.members), flush=True)


if __name__ == "__main__":
    main()
