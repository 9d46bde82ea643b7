"""Profiles an optimizer step of networks trained together by torch, without the compiled kernel.

    python tools/profile_population.py

For a tanh RNN and a UGRNN, 64 networks at the three sizes of tools/bench_population.py: the share of a step's time in
each kind of operation by torch's profiler, and the rest, which is mostly Python's calls of the operations. The last
column is the memory that the forward pass saves for the backward pass: it is written once and read once, which bounds
the speed of a step whose saved tensors exceed the caches.
"""

from __future__ import annotations

import torch
from bench_population import SIZES, members_of
from measuring import conditions, script_parser, timed
from recording import markdown_table
from torch.profiler import ProfilerActivity, profile

from rnn_capacity.kernels.native.library import kernel_build
from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.plan import member_bytes, plan_member

KINDS = {
    "products": ("bmm", "mm", "addmm", "baddbmm"),
    "tanh, sigmoid": ("tanh", "sigmoid", "tanh_backward", "sigmoid_backward"),
    "elementwise": ("add", "sub", "mul", "lerp", "addcmul", "addcdiv", "copy", "div", "sqrt", "fill", "clamp"),
    "sums": ("sum", "mean", "linalg_vector_norm"),
    "loss": ("binary_cross_entropy_with_logits", "log_sigmoid_forward", "log_sigmoid_backward"),
}
"""Names of torch operations, without the underscore of in-place ones, by kind, such as products."""

STEPS = 20


def shares(cell: str, units: int, samples: int, members: int) -> tuple[object, ...]:
    """Return a table row: time of a step, percentage of each kind of operation, and memory of saved tensors."""
    mappable: dict[str, bool] = {}
    population = members_of(cell, units, samples, members, 1000)
    plans = [plan_member(index, member, mappable) for index, member in enumerate(population)]
    chunk = Chunk(plans, torch.device("cpu"))
    factors = chunk.optimizer.factors(0, torch.full((1, members, 1), 1e-3))[0]

    def step() -> None:
        chunk.step(0, factors)

    timed(step, calls=3)()  # to warm up
    seconds = timed(step, calls=STEPS)()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(STEPS):
            step()
    taken = dict.fromkeys(KINDS, 0.0)
    for event in profiler.key_averages():
        name = event.key.removeprefix("aten::").rstrip("_")
        for kind, names in KINDS.items():
            if name in names:
                taken[kind] += event.self_cpu_time_total / 1e6 / STEPS
    rest = max(0.0, seconds - sum(taken.values()))
    columns = [f"{100 * value / seconds:.0f} %" for value in (*taken.values(), rest)]
    saved = sum(map(member_bytes, plans)) / 2**20
    return cell, f"{units}, {samples:,}", f"{1e3 * seconds:.1f}", *columns, f"{saved:.0f}"


def main() -> None:
    """Profile all cases and print them as a Markdown table."""
    parser = script_parser(__doc__)
    parser.add_argument("--members", type=int, default=64, help="networks")
    arguments = parser.parse_args()
    print(conditions() + "\n")
    with kernel_build("off"):
        rows = [shares(cell, *sizes, arguments.members) for cell in ("rnn", "ugrnn") for sizes in SIZES]
    print(markdown_table(("cell", "units, samples", "ms a step", *KINDS, "rest", "MiB saved"), rows))


if __name__ == "__main__":
    main()
