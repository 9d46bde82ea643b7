"""Benchmarks the compiled kernel against torch on a recurrent layer over time, forward and backward.

    python tools/bench_recurrence.py

Times `run_native_recurrence` and the torch path of `run_recurrence` for 8 to 128 units side by side, with the gradients
of every weight, at the shapes of three tasks; the inputs of the memory task are dense, those of the others one index a
step. Above the number of units at which torch is faster, MAX_UNITS of rnn_capacity/kernels/native/recurrence.py, the
package uses torch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, cast

import torch
from measuring import CELLS, conditions, median_seconds, script_parser, timed
from recording import Run, markdown_table, save_results
from torch import Tensor

from rnn_capacity.cells import CELLS as CELL_CLASSES
from rnn_capacity.kernels import RecurrenceInputs, run_recurrence, step_kernel
from rnn_capacity.kernels.native import native_library
from rnn_capacity.kernels.native.library import kernel_build
from rnn_capacity.kernels.native.recurrence import MAX_UNITS, run_native_recurrence
from rnn_capacity.kernels.step import StepKernel

SHAPES = {"memory": (64, 12, 64, 8), "parentheses": (300, 175, 64, 2), "text": (27, 50, 32, 1)}
"""Measured shapes by task, as (input features, time steps, batch size, networks)."""
UNITS = (8, 16, 32, 48, 64, 96, 128)


def layer(cell: str, task: str, units: int) -> tuple[StepKernel, RecurrenceInputs]:
    """Make the step kernel, random weights and input sequences of several networks' layers of one cell."""
    features, steps, batch, networks = SHAPES[task]
    module = cast(Any, CELL_CLASSES[cell])(units if cell == "intersection" else features, units)
    kernel = cast(StepKernel, step_kernel(module))

    def drawn(*sizes: int) -> Tensor:
        return torch.randn(networks, *sizes).mul_(units**-0.5).requires_grad_()

    dense = torch.randn(steps, networks, module.input_size, batch)
    read = task == "memory" or cell == "intersection"
    return kernel, RecurrenceInputs(
        weight_input=drawn(*module.weight_input.shape),
        bias=drawn(*module.bias.shape),
        recurrent_weights=tuple(drawn(*getattr(module, name).shape) for name in kernel.recurrent_weights),
        state=tuple(drawn(units, 1) for _ in module.state_names),
        sequence=dense if read else torch.randint(features, (steps, networks, batch, 1)),
    )


def measure(task: str, cell: str, units: int, rounds: int) -> Run:
    """Return the seconds of a forward and backward pass by the compiled kernel and by torch."""
    kernel, inputs = layer(cell, task, units)
    _, steps, _, networks = SHAPES[task]
    weights = [part for part in inputs.flatten() if part is not None and part.requires_grad]

    def back(forward: Callable[[], Tensor]) -> Callable[[], float]:
        return timed(lambda: torch.autograd.grad(forward().sum(), weights))

    library = native_library()
    if library is None:
        raise SystemExit("the compiled kernel must be built and not be switched off")

    def by_torch() -> float:
        with kernel_build("off"):
            return back(lambda: run_recurrence(kernel, inputs, steps=steps))()

    native = back(lambda: run_native_recurrence(library, kernel, inputs, steps=steps, warmup=0, repeat_last=False))
    seconds = median_seconds({"native": native, "torch": by_torch}, rounds)
    return {"task": task, "cell": cell, "units": units, "networks": networks, **seconds}


def main() -> None:
    """Measure all cases, print a Markdown table, and save the results if `--json` is given."""
    parser = script_parser(__doc__, json=True)
    parser.add_argument("--tasks", nargs="*", default=list(SHAPES), choices=list(SHAPES), help="shapes to measure")
    parser.add_argument("--cells", nargs="*", default=["rnn", "gru", "lstm"], choices=list(CELLS), help="cells")
    parser.add_argument("--units", nargs="*", type=int, default=UNITS, help="units")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    arguments = parser.parse_args()
    print(f"{conditions()}; MAX_UNITS is {MAX_UNITS}\n", flush=True)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    runs = [measure(*case, arguments.rounds) for case in product(arguments.tasks, arguments.cells, arguments.units)]
    rows = []
    for run in runs:
        times = [f"{1e3 * run[name]:.2f}" for name in ("native", "torch")]
        rows.append(
            (run["task"], run["cell"], run["units"], run["networks"], *times, f"{run['torch'] / run['native']:.2f}")
        )
    print(markdown_table(("task", "cell", "units", "networks", "kernel ms", "torch ms", "torch / kernel"), rows))
    save_results(arguments.json, runs)


if __name__ == "__main__":
    main()
