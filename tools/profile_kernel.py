"""Profiles training by the compiled kernel with Linux's perf: the share of time of each part of a step.

    python tools/profile_kernel.py

Trains 16 networks of each cell at the three sizes of tools/bench_population.py with one thread under `perf record`, and
prints the share of the kernel's time in each of its functions: products with the activation applied before the result
is stored (tanh, sigmoid, ReLU, and none: the backward pass), the outer products that are the weights' gradients, the
elementwise work of the steps forward and backward, sums over samples, the loss, and the optimizer. The kernel must have
been built with its symbols, as pip builds it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product

from measuring import CELLS, machine, script_parser
from recording import Run, markdown_table, save_results

from rnn_capacity.kernels.native import native_library

PARTS = {
    "products, tanh": r"product_rows<\w+, 1>",
    "products, sigmoid": r"product_rows<\w+, 3>",
    "products, ReLU": r"product_rows<\w+, 2>",
    "products, none": r"product_rows<\w+, 0>",
    "outer products": r"outer|add_blocks",
    "cell forward": r"::forward",
    "cell backward": r"::backward",
    "sums": r"add_row_sums",
    "loss": r"loss_of_tile",
    "optimizer": r"optimizer_step|::work",
}
"""Regular expressions of the kernel's function names for each part of a training step."""

STEPS = {300: 12000, 500: 6000, 2500: 800}
"""Number of profiled optimizer steps by the number of samples."""


def train(cell: str, units: int, samples: int) -> None:
    """Train 16 networks with one thread."""
    import torch
    from bench_population import population_seconds

    torch.set_num_threads(1)
    population_seconds(cell, units, samples, 16, STEPS[samples])


def shares(cell: str, units: int, samples: int, build: str) -> Run:
    """Return the fraction of the compiled kernel's time that each part of a training step takes."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        command = [sys.executable, __file__, "--train", cell, str(units), str(samples)]
        record = ["perf", "record", "--quiet", f"--output={data}", "--event=cpu-clock", "--freq=499", "--", *command]
        subprocess.run(record, check=True, capture_output=True)
        options = ["--no-children", "--stdio", "--sort=dso,symbol", "--percent-limit=0"]
        report = subprocess.run(
            ["perf", "report", f"--input={data}", *options], check=True, capture_output=True, text=True
        )
    lines = re.findall(rf"^\s*([\d.]+)%\s+_{build}\.\S+\s+\[\.\] (.*)$", report.stdout, re.MULTILINE)
    total = sum(float(percent) for percent, _ in lines)
    taken = dict.fromkeys((*PARTS, "rest"), 0.0)
    for percent, symbol in lines:
        part = next((name for name, pattern in PARTS.items() if re.search(pattern, symbol)), "rest")
        taken[part] += float(percent) / total
    return {"cell": cell, "units": units, "samples": samples, "shares": taken}


def main() -> None:
    """Profile every cell at every size and print the table."""
    from bench_population import SIZES

    parser = script_parser(__doc__, json=True)
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS), help="cells to profile")
    parser.add_argument("--train", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        cell, units, samples = arguments.train
        train(cell, int(units), int(samples))
        return
    library = native_library()
    if shutil.which("perf") is None or library is None:
        parser.error("the kernel must be built and perf installed")
    runs = [shares(cell, *size, library.build) for cell, size in product(arguments.cells, SIZES)]
    print(f"{machine()}; build {library.build}\n")
    rows = [
        (
            run["cell"],
            f"{run['units']}, {run['samples']:,}",
            *(f"{100 * share:.0f} %" for share in run["shares"].values()),
        )
        for run in runs
    ]
    print(markdown_table(("cell", "units, samples", *PARTS, "rest"), rows))
    save_results(arguments.json, runs)


if __name__ == "__main__":
    main()
