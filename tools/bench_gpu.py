"""Measures an optimizer step of many networks trained together on a GPU: its time and the share of each operation.

    python tools/bench_gpu.py --json tools/results/bench_gpu.json

For tanh RNNs, gated cells and the +RNN (two layers), milliseconds of an optimizer step of all networks by the
population's torch path, with Adam, five unrolled steps and 24 inputs, as the median of several calls of 50 steps: of
steps whose operations Python starts one by one (`milliseconds`), and of recorded steps (`recorded_milliseconds`). By
torch's profiler, the share of the former in which the GPU works, and the shares of products, of elementwise operations
and of sums in what it works; the rest of a step is the overhead of kernel launches. `microseconds_per_network` is the
step's time over the number of networks. Before that, the metrics of three small networks in float64 are compared with
those that the CPU gives them.
"""

from __future__ import annotations

import statistics

import torch
from bench_population import CALL, members_of
from measuring import machine, script_parser, timed
from profile_population import KINDS
from recording import Run, markdown_table, save_results
from torch.profiler import ProfilerActivity, profile

from rnn_capacity.population import Member, train
from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.plan import plan_member
from rnn_capacity.population.step_recorder import RECORD_AFTER
from rnn_capacity.population.train import quiet_trainer

CASES = [
    *(("rnn", units, samples, members) for units, samples in ((6, 300), (16, 2500)) for members in (64, 1024)),
    *((cell, 16, 2500, members) for cell in ("ugrnn", "gru", "lstm", "intersection") for members in (64, 512)),
    ("rnn", 6, 300, 8192),
    ("rnn", 64, 30000, 64),
    ("gru", 64, 30000, 32),
]
"""Measured cases as (cell, units, samples, number of networks)."""

CALLS = 3


def measure(cell: str, units: int, samples: int, members: int, device: torch.device) -> Run:
    """Return step time, GPU utilization, shares of operations and peak memory for one case."""
    mappable: dict[str, bool] = {}
    population = members_of(cell, units, samples, members, (2 * CALLS + 4) * CALL + RECORD_AFTER)
    plans = [plan_member(index, member, mappable, device) for index, member in enumerate(population)]
    torch.cuda.reset_peak_memory_stats()
    chunk = Chunk(plans, device)
    recorder, chunk.recorder = chunk.recorder, None
    chunk.advance()  # to warm up; each call ends with a wait for the device
    seconds = statistics.median(timed(chunk.advance)() for _ in range(CALLS)) / CALL
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        chunk.advance()
    taken = {event.key: event.self_device_time_total / 1e6 / CALL for event in profiler.key_averages()}
    operations = {name: value for name, value in taken.items() if name.startswith("aten::")}
    busy = sum(operations.values())
    kinds = {
        kind: sum(operations.get(f"aten::{name}{end}", 0.0) for name in names for end in ("", "_")) / busy
        for kind, names in KINDS.items()
    }
    chunk.recorder = recorder
    for _ in range(RECORD_AFTER // CALL + 1):
        chunk.advance()
    recorded = statistics.median(timed(chunk.advance)() for _ in range(CALLS)) / CALL
    return {
        "cell": cell,
        "units": units,
        "samples": samples,
        "members": members,
        "milliseconds": 1e3 * seconds,
        "recorded_milliseconds": 1e3 * recorded,
        "microseconds_per_network": 1e6 * seconds / members,
        "busy": busy / seconds,
        "shares": kinds,
        "peak_mebibytes": torch.cuda.max_memory_allocated() / 2**20,
    }


def largest_difference() -> float:
    """Return the largest GPU-CPU difference in likelihood bits per parameter of three GRUs after 200 steps."""
    found: list[list[float]] = []
    for accelerator in ("cpu", "gpu"):
        population = [
            Member(member.module.to(torch.float64), member.task, 200) for member in members_of("gru", 6, 200, 3, 200)
        ]
        results = train(population, quiet_trainer(accelerator=accelerator, precision="64-true"))
        found.append([result["likelihood_bits_per_parameter"] for result in results])
    first, second = found
    return max(abs(one - other) for one, other in zip(first, second, strict=True))


def main() -> None:
    """Measure all cases, print a Markdown table, and save the results if `--json` is given."""
    parser = script_parser(__doc__, json=True)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("a GPU must be visible to torch, got none")
    name = torch.cuda.get_device_name()
    print(f"{name}; {machine()}; torch {torch.__version__}", flush=True)
    difference = largest_difference()
    print(f"largest difference to the CPU's bits per parameter in float64: {difference:.1e}\n", flush=True)
    lines = [measure(*case, torch.device("cuda")) for case in CASES]
    times = "ms a step", "ms if recorded", "µs a network"
    header = ("cell", "units, samples", "networks", *times, "GPU busy", *KINDS, "MiB")
    rows = []
    for line in lines:
        network = line["cell"], f"{line['units']}, {line['samples']:,}", f"{line['members']:,}"
        names = "milliseconds", "recorded_milliseconds", "microseconds_per_network"
        numbers = *(f"{line[name]:.2f}" for name in names), f"{100 * line['busy']:.0f} %"
        shares = (f"{100 * share:.0f} %" for share in line["shares"].values())
        rows.append((*network, *numbers, *shares, f"{line['peak_mebibytes']:.0f}"))
    print(markdown_table(header, rows))
    save_results(arguments.json, {"gpu": name, "torch": torch.__version__, "difference": difference, "runs": lines})


if __name__ == "__main__":
    main()
