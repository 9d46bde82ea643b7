"""How long a training step of 64 networks takes, by this package's population and otherwise.

    python tools/bench_population.py --json tools/results/bench_population.json

For six cells (the +RNN with two layers) at three sizes, seconds of one step of all networks, with the optimizer (Adam)
and without what happens once at the start:

    fit         this package's `fit`, one network after another in one process (four of them, times the rest)
    loop        a plain loop in PyTorch, one network after another (tools/plain_network.py, torch.optim.Adam)
    vmap        torch.func.vmap(grad) of the same plain network over all, torch.optim.Adam on their weights
    population  rnn_capacity.population.train

`gemm_fraction` is the rate of the population's matrix products, as the equations have them for every sample, over this
machine's peak, that of two matrices of 2,048 rows (`gemm_peak`, GFLOP/s, measured in each turn, too);
`gemm_fraction_made` counts only those that the population makes, which are fewer since all samples share the first
state. All columns are measured in one run, in turns, on the given threads; each figure is the median of its turns, that
of `fit` of one. Every network has 24 inputs of -1 and 1 and learns all its samples at each step.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from machine import machine
from plain_network import GATES, PlainNetwork, products
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F
from torch.optim import Adam

from rnn_capacity.population import Member, train
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule

SIZES = ((6, 300), (8, 500), (16, 2500))
"""Units and samples."""
INPUTS = 24
CALL = 50
"""Optimizer steps of a call."""
FITTED = 4
"""Networks that `fit` trains; the rest would take as long."""


def gemm_peak() -> float:
    """GFLOP/s of the product of two matrices of 2,048 rows."""
    one, two = torch.randn(2, 2048, 2048)
    taken = []
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(one, two)
        taken.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(taken) / 1e9


def loop_step(cell: str, units: int, members: int, inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of every network, one after another."""
    networks = [PlainNetwork(cell, INPUTS, units) for _ in range(members)]
    optimizers = [Adam(network.parameters(), lr=1e-3) for network in networks]

    def step() -> None:
        for network, optimizer in zip(networks, optimizers, strict=True):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(network(inputs), labels).backward()
            optimizer.step()

    return step


def vmap_step(cell: str, units: int, members: int, inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of every network, mapped over their weights."""
    networks = [PlainNetwork(cell, INPUTS, units) for _ in range(members)]
    weights, _ = stack_module_state(networks)
    optimizer = Adam(weights.values(), lr=1e-3)

    def loss(own: dict[str, Tensor]) -> Tensor:
        logits = functional_call(networks[0], own, (inputs,))
        return F.binary_cross_entropy_with_logits(logits, labels)

    gradients = vmap(grad(loss))

    def step() -> None:
        for name, gradient in gradients({name: weight.detach() for name, weight in weights.items()}).items():
            weights[name].grad = gradient
        optimizer.step()

    return step


def members_of(cell: str, units: int, samples: int, members: int, steps: int) -> list[Member]:
    """The population's members."""
    task = RandomMapping(samples=samples, input_size=INPUTS)
    depth = 2 if cell == "intersection" else 1
    return [
        Member(
            RecurrentModule(
                cell,
                depth,
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


def population_seconds(cell: str, units: int, samples: int, members: int, calls: int) -> float:
    """Seconds of a step of the population: from the end of each chunk's first call to that of its last but one.

    In the last one the members are measured.
    """
    marks: list[tuple[int, float]] = []
    last = (calls + 1) * CALL
    steps = last + CALL
    train(
        members_of(cell, units, samples, members, steps),
        on_call=lambda made: marks.append((made, time.perf_counter())),
    )
    starts = [at for made, at in marks if made == CALL]
    ends = [at for made, at in marks if made == last]
    return sum(end - start for start, end in zip(starts, ends, strict=True)) / (last - CALL)


class Clock(Callback):
    """When each call ends."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """A call has ended."""
        self.marks.append(time.perf_counter())


def fit_seconds(cell: str, units: int, samples: int, members: int, calls: int) -> float:
    """Seconds of a step of so many networks by `fit`, from the first call's end to the last one's."""
    total = 0.0
    for member in members_of(cell, units, samples, FITTED, (calls + 1) * CALL):
        clock = Clock()
        trainer = Trainer(
            max_steps=member.max_steps,
            accelerator="cpu",
            num_sanity_val_steps=0,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[clock],
        )
        trainer.fit(member.module, datamodule=TaskDataModule(member.task))
        total += (clock.marks[-1] - clock.marks[0]) / (calls * member.module.steps_per_call)
    return total * members / FITTED


def measure(cell: str, units: int, samples: int, members: int, turns: int) -> dict[str, Any]:
    """One line of the table."""
    torch.manual_seed(0)
    inputs = torch.randint(2, (samples, INPUTS)) * 2.0 - 1
    labels = torch.randint(2, (samples,)).float()
    steps = {
        "loop": loop_step(cell, units, members, inputs, labels),
        "vmap": vmap_step(cell, units, members, inputs, labels),
    }
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in ("fit", "loop", "vmap", "population", "gemm_peak")}
    for turn in range(turns):
        for name, step in steps.items():
            repeats = 3
            start = time.perf_counter()
            for _ in range(repeats):
                step()
            taken[name].append((time.perf_counter() - start) / repeats)
        taken["gemm_peak"].append(gemm_peak())
        taken["population"].append(population_seconds(cell, units, samples, members, calls=1))
        if turn == 0:
            taken["fit"].append(fit_seconds(cell, units, samples, members, calls=1))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    rates = [
        members * samples * products(cell, INPUTS, units, first_state_shared=shared) / medians["population"] / 1e9
        for shared in (False, True)
    ]
    peak = medians["gemm_peak"]
    sizes = {"cell": cell, "units": units, "samples": samples, "members": members}
    return {**sizes, **medians, "gemm_fraction": rates[0] / peak, "gemm_fraction_made": rates[1] / peak}


def table(lines: list[dict[str, Any]]) -> str:
    """The results as a Markdown table, in milliseconds."""
    text = [
        "| cell | units, samples | fit | loop | vmap | population | loop / ours | vmap / ours | of GEMM peak | made |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        times = " | ".join(f"{1e3 * line[name]:.1f}" for name in ("fit", "loop", "vmap", "population"))
        ratios = " | ".join(f"{line[name] / line['population']:.1f}" for name in ("loop", "vmap"))
        shares = " | ".join(f"{100 * line[name]:.0f} %" for name in ("gemm_fraction", "gemm_fraction_made"))
        size = f"{line['units']}, {line['samples']:,}"
        text.append(f"| {line['cell']} | {size} | {times} | {ratios} | {shares} |")
    return "\n".join(text)


def main() -> None:
    """Measure, print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--cells", nargs="*", default=list(GATES), choices=list(GATES), help="cells to measure")
    parser.add_argument("--members", type=int, default=64, help="networks K")
    parser.add_argument("--turns", type=int, default=3, help="measurements of each figure")
    parser.add_argument(
        "--sizes", nargs="*", type=int, default=[0, 1, 2], choices=[0, 1, 2], help="which of the three sizes"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of each measurement")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{machine()}; torch {torch.__version__}, {arguments.threads} threads; load average {load} before;")
    print(f"GEMM peak {gemm_peak():.0f} GFLOP/s; milliseconds a step of all {arguments.members} networks\n", flush=True)
    lines = []
    for cell in arguments.cells:
        for units, samples in (SIZES[place] for place in arguments.sizes):
            lines.append(measure(cell, units, samples, arguments.members, arguments.turns))
            print(table(lines[-1:]).splitlines()[-1], flush=True)
    print("\n" + table(lines))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
