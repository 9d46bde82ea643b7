"""Benchmarks an optimizer step of 64 networks trained together by this package against PyTorch and JAX code.

    python tools/bench_population.py --json tools/results/bench_population.json

For six cells (the +RNN with two layers) at three sizes, seconds of one step of all networks, with the optimizer (Adam)
and without what happens once at the start:

    fit         this package's `fit`, one network after another in one process (four of them, times the rest)
    loop        a plain loop in PyTorch, one network after another (tools/plain_training.py, torch.optim.Adam)
    vmap        torch.func.vmap(grad) of the same plain network over all, torch.optim.Adam on their weights
    jax         jit of the same plain network in JAX, vmapped gradient and vmapped Adam of optax, a scan over 20 steps a
                call; null if jax and optax are not installed. JAX takes its own number of threads
    torch_path  rnn_capacity.population.train without the compiled kernel
    population  rnn_capacity.population.train

`gemm_fraction` is the rate of the population's matrix products, as the equations have them for every sample, over this
machine's peak, that of two matrices of 2,048 rows (`gemm_peak`, GFLOP/s, measured in each round, too);
`gemm_fraction_made` leaves out those of the first state, which all samples share. All columns are measured in one run,
side by side; each is the median of its rounds, that of `fit` is measured once. Every network has 24 inputs of -1 and 1
and learns all its samples at each step.
"""

from __future__ import annotations

import logging
import time
import warnings
from functools import partial
from itertools import product

import torch
from measuring import CELLS, conditions, median_seconds, script_parser, timed
from plain_network import initial_weights, products
from plain_training import SCAN, jax_steps, loop_step, stacked, vmap_step
from pytorch_lightning.callbacks import LambdaCallback
from recording import Run, markdown_table, save_results
from torch.optim import Adam

from rnn_capacity.kernels.native.library import kernel_build
from rnn_capacity.population import Member, quiet_trainer, train
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule

SIZES = ((6, 300), (8, 500), (16, 2500))
"""Measured sizes as (units, samples)."""
INPUTS = 24
CALL = 50
"""Number of optimizer steps per call (`steps_per_call`)."""
FITTED = 4
"""Number of networks trained by `fit`, whose time is scaled up to all networks."""
COLUMNS = ("fit", "loop", "vmap", "jax", "torch_path", "population")


def gemm_seconds() -> float:
    """Return the seconds of a product of two 2,048 x 2,048 matrices, the minimum of eight runs."""
    one, two = torch.randn(2, 2048, 2048)
    return min(timed(lambda: torch.mm(one, two))() for _ in range(8))


def members_of(cell: str, units: int, samples: int, members: int, steps: int) -> list[Member]:
    """Make identical networks that learn one random mapping, differing only in their seeds."""
    task = RandomMapping(samples=samples, input_size=INPUTS)
    return [
        Member(
            RecurrentModule(
                cell,
                CELLS[cell].depth,
                hidden_size=units,
                input_size=INPUTS,
                seed=seed,
                optimizer=partial(Adam, lr=1e-3),
                steps_per_call=CALL,
            ),
            task,
            steps,
        )
        for seed in range(members)
    ]


def population_seconds(cell: str, units: int, samples: int, members: int, steps: int) -> float:
    """Return the seconds in which a population makes `steps` optimizer steps, without its first and last calls.

    In the last call of a chunk its members are evaluated.
    """
    marks: list[tuple[int, float]] = []
    last = steps + CALL
    population = members_of(cell, units, samples, members, last + CALL)
    train(population, on_call=lambda made: marks.append((made, time.perf_counter())))
    return sum({CALL: -1, last: 1}.get(made, 0) * at for made, at in marks)


def fit_seconds(cell: str, units: int, samples: int, members: int) -> float:
    """Return the seconds of one optimizer step of all networks by `fit`, scaled up from `FITTED` networks."""
    total = 0.0
    for member in members_of(cell, units, samples, FITTED, 2 * CALL):
        marks: list[float] = []
        report = LambdaCallback(on_train_batch_end=lambda *_, marks=marks: marks.append(time.perf_counter()))
        trainer = quiet_trainer(max_epochs=None, max_steps=member.max_steps, limit_val_batches=0, callbacks=report)
        trainer.fit(member.module, datamodule=TaskDataModule(member.task))
        total += (marks[-1] - marks[0]) / CALL
    return total * members / FITTED


def measure(cell: str, units: int, samples: int, members: int, rounds: int) -> Run:
    """Return the seconds of an optimizer step of all networks by each method, for one cell and size."""
    torch.manual_seed(0)
    inputs = torch.randint(2, (samples, INPUTS)) * 2.0 - 1
    labels = torch.randint(2, (samples,)).float()
    networks = [initial_weights(cell, INPUTS, units) for _ in range(members)]
    jax_scan = jax_steps(cell, stacked(networks), inputs, labels)

    def torch_path() -> float:
        with kernel_build("off"):
            return population_seconds(cell, units, samples, members, CALL) / CALL

    def population() -> float:
        return population_seconds(cell, units, samples, members, 4 * CALL) / (4 * CALL)

    taken = median_seconds(
        {
            "loop": timed(loop_step(cell, networks, inputs, labels), calls=3),
            "vmap": timed(vmap_step(cell, stacked(networks), inputs, labels), calls=3),
            **({} if jax_scan is None else {"jax": timed(jax_scan)}),
            "torch_path": torch_path,
            "population": population,
            "gemm": gemm_seconds,
        },
        rounds,
    )
    taken["fit"] = fit_seconds(cell, units, samples, members)
    peak = 2 * 2048**3 / taken["gemm"] / 1e9
    if jax_scan is not None:
        taken["jax"] /= SCAN
    fractions = [
        members * samples * products(cell, INPUTS, units, first_state_shared=shared) / taken["population"] / 1e9 / peak
        for shared in (False, True)
    ]
    return {
        "cell": cell,
        "units": units,
        "samples": samples,
        "members": members,
        **{name: taken.get(name) for name in COLUMNS},
        "gemm_peak": peak,
        "gemm_fraction": fractions[0],
        "gemm_fraction_made": fractions[1],
    }


def table(lines: list[Run]) -> str:
    """Format the results as a Markdown table of milliseconds per optimizer step."""
    header = ("cell", "units, samples", *COLUMNS, "loop / ours", "jax / ours", "torch / ours", "of GEMM peak", "made")
    rows = []
    for line in lines:
        times = ["-" if line[name] is None else f"{1e3 * line[name]:.3g}" for name in COLUMNS]
        compared = [line[name] for name in ("loop", "jax", "torch_path")]
        ratios = ["-" if seconds is None else f"{seconds / line['population']:.1f}" for seconds in compared]
        shares = [f"{100 * line[name]:.0f} %" for name in ("gemm_fraction", "gemm_fraction_made")]
        rows.append((line["cell"], f"{line['units']}, {line['samples']:,}", *times, *ratios, *shares))
    return markdown_table(header, rows)


def main() -> None:
    """Measure all cells and sizes, print a Markdown table, and save the results if `--json` is given."""
    parser = script_parser(__doc__, json=True)
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS), help="cells to measure")
    parser.add_argument("--members", type=int, default=64, help="networks K")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument(
        "--sizes", nargs="*", type=int, default=[0, 1, 2], choices=[0, 1, 2], help="which of the three sizes"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13
    print(f"{conditions()}; milliseconds of a step of all {arguments.members} networks\n", flush=True)
    lines = []
    for cell, (units, samples) in product(arguments.cells, (SIZES[place] for place in arguments.sizes)):
        lines.append(measure(cell, units, samples, arguments.members, arguments.rounds))
        print(table(lines[-1:]).splitlines()[-1], flush=True)
    print("\n" + table(lines))
    save_results(arguments.json, lines)


if __name__ == "__main__":
    main()
