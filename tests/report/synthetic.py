"""Rows of results as an ideal experiment would have them, in which every claim of the paper holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.models import parameter_count
from rnn_capacity.report.measures import SEED
from rnn_capacity.report.results import PAPER_CELLS, TrialResult

BITS = {"rnn": 5.6, "ugrnn": 5.3, "gru": 5.0, "lstm": 4.8, "intersection": 4.6, "irnn": 3.4}
"""Bits per parameter of each cell."""

MEDIAN_LOSS = {"gru": 0.1, "ugrnn": 0.4, "lstm": 0.5, "intersection": 0.45, "rnn": 1.5, "irnn": 1.8}
"""Median loss of random draws at depth 1."""

INFEASIBLE = {"gru": 0.05, "ugrnn": 0.08, "lstm": 0.05, "intersection": 0.08, "rnn": 0.3, "irnn": 0.7}
"""Share of random draws that diverge."""

TRIALS = 24
"""Trials of a tuned study."""


class Experiment:
    """Makes the rows of synthetic studies.

    Args:
        seed: Seed of the noise.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)

    def capacity(self, cell: str, size: int, depth: int = 1, **facts: Any) -> list[TrialResult]:
        """A study of random mapping whose best trials store nearly the same."""
        factor = facts.pop("factor", 1.0)
        best = BITS[cell] * factor
        bits = best * (1 - 0.01 * self.random.random(TRIALS))
        study = f"capacity/{cell}-d{depth}-p{size}-{facts.get('loss_exponent', 0)}-{facts.get('unrolled_steps', 5)}"
        return [
            TrialResult(
                study=study,
                number=number,
                task="random_mapping",
                cell=cell,
                depth=depth,
                size=size,
                units=8,
                parameters=size,
                metric="bits_per_parameter",
                value=float(value),
                metrics={"stored_bits": float(value * size), "samples": int(1.1 * value * size)},
                command=f"again {study}",
                **facts,
            )
            for number, value in enumerate(bits)
        ]

    def losses(self, task: str, cell: str, metric: str, values: Any, **facts: Any) -> list[TrialResult]:
        """A study whose trials have these losses; NaN is a diverged trial."""
        study = f"{task}/{cell}-d{facts.get('depth', 1)}-p{facts.get('size')}-u{facts.get('units')}"
        return [
            TrialResult(
                study=study,
                number=number,
                task=task,
                cell=cell,
                metric=metric,
                goal="minimize",
                value=float(value) if value == value else 9.0,
                feasible=bool(value == value),
                metrics={metric: float(value) if value == value else 9.0},
                command=f"again {study}",
                **facts,
            )
            for number, value in enumerate(values)
        ]

    def noisy(self, value: float, count: int = TRIALS, spread: float = 0.002) -> Any:
        """Values just above a best one."""
        return value * (1 + spread * self.random.random(count))

    def random_draws(self, cell: str, depth: int) -> list[TrialResult]:
        """A study of parentheses at random: losses around the cell's median, some of them diverged."""
        medians = MEDIAN_LOSS if depth == 1 else {**MEDIAN_LOSS, "intersection": 0.05}
        losses = medians[cell] * np.exp(0.2 * self.random.standard_normal(200))
        losses[: int(200 * INFEASIBLE[cell])] = np.nan
        settings = {"model.init_args.optimizer.init_args.lr": 0.01}
        return self.losses(
            "parentheses", cell, "cross_entropy", losses, depth=depth, size=20000, method="random", settings=settings
        )

    def everything(self) -> Iterator[TrialResult]:
        """All studies that the paper's figures need."""
        for cell in PAPER_CELLS:
            least = 2 if cell == "intersection" else 1
            for facts in ({}, {"loss_exponent": 0.5, "unrolled_steps": 3}):
                for size in (300, 700, 2000):
                    yield from self.capacity(cell, size, least, **facts)
                for depth in (1, 2, 4):
                    if depth > least:
                        yield from self.capacity(cell, 700, depth, **facts)
                if cell in ("rnn", "ugrnn"):
                    ratio = BITS["irnn"] / BITS[cell]
                    for size in (300, 700, 2000):
                        yield from self.capacity(cell, size, nonlinearity="relu", factor=ratio, **facts)
            for exponent in (0.0, 0.5):
                for steps, factor in ((1, 0.4), (2, 0.8), (5, 1.0), (7, 1.0), (10, 0.99)):
                    facts = {"loss_exponent": exponent, "unrolled_steps": steps, "factor": factor}
                    yield from self.capacity(cell, 500, least, **facts)
            for units in (32, 48, 64, 80):
                losses = theoretical_mse(units, 64) + 0.01 * self.random.random(TRIALS)
                yield from self.losses(
                    "memory", cell, "mse", losses, depth=least, size=100 * units, units=units, input_size=64
                )
            for task, metric, dataset in (
                ("language", "bits_per_character", "wiki.txt"),
                ("continuous_function", "weighted_mse", "N = 10,000"),
            ):
                for units in (16, 32, 64, 128):
                    size = parameter_count(cell, least, units, 27, 27)
                    losses = self.noisy(4 - 0.2 * np.log(size))
                    facts = {"depth": least, "size": size, "parameters": size, "units": units, "dataset": dataset}
                    yield from self.losses(task, cell, metric, losses, **facts)
            for depth in (1, 8):
                if depth >= least:
                    yield from self.random_draws(cell, depth)
                    for task in ("parentheses", "arithmetic"):
                        losses = MEDIAN_LOSS[cell] * np.exp(0.3 * self.random.standard_normal(60))
                        yield from self.losses(task, cell, "cross_entropy", losses, depth=depth, size=10000)
            best = 0.01
            yield from self.losses("parentheses", cell, "cross_entropy", [best, 0.3, 0.5], size=5000)
            yield from self.repeats(cell, best)

    def repeats(self, cell: str, original: float, factor: float = 1.0) -> list[TrialResult]:
        """Repeated runs of one setting."""
        rows = self.losses(
            "parentheses", cell, "cross_entropy", factor * original * (0.9 + 0.2 * self.random.random(20)), size=5000
        )
        return [dataclasses.replace(row, study=f"repeats/{cell}", settings={SEED: row.number}) for row in rows]
