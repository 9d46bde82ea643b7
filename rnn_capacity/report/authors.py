"""Converts the paper authors' published training runs to the report's result rows."""

from __future__ import annotations

import math
from functools import lru_cache

from rnn_capacity.models import units_for_budget
from rnn_capacity.published_runs import PublishedRun
from rnn_capacity.report.results import EVALUATION, Rows, TrialResult

SIZES = {"memory": (64, 64), "continuous_function": (50, 1), "language": (27, 27)}
"""Input and output sizes of the tasks whose losses are plotted against units; the authors' dataset lacks them."""

DATASETS = {"language": "text8", "continuous_function": "N = 1,000,000"}
"""Training data of the authors' runs: the name of the text, or the number of samples N."""

CAPACITY_FIGURE = "fig1"
"""First letters of the dataset file whose capacity runs have the default nonlinearity and five unrolled steps (Fig. 1);
the dataset does not say which other ones have."""

RANDOM_FIGURE = "fig5"
"""First letters of the dataset file whose runs have randomly drawn hyperparameters (Fig. 5)."""


def author_rows(runs: list[PublishedRun]) -> tuple[Rows, list[str]]:
    """Convert the authors' published runs to rows of results, without some of the capacity runs.

    A run whose losses are not finite is infeasible. Capacity runs of other figures than Fig. 1 are left out: they have
    ReLU or other numbers of steps, which the dataset does not name. It does not say what the loss of a capacity run is,
    either; the tuner maximized the mutual information, so that a negative loss is taken as the negative of the stored
    bits, and capacity runs with a positive loss are left out.

    Args:
        runs: The runs.

    Returns:
        The rows, and a line for each reason to leave runs out.
    """
    known = [run for run in runs if run.task != "random_mapping" or run.file.startswith(CAPACITY_FIGURE)]
    kept = [run for run in known if run.task != "random_mapping" or not run.eval_loss > 0]
    left_out = {
        "not of Fig. 1, with unknown steps and nonlinearity": len(runs) - len(known),
        "their loss is positive, and no number of bits": len(known) - len(kept),
    }
    notes = [f"{n} of the authors' capacity runs left out: {reason}" for reason, n in left_out.items() if n]
    return [author_row(run) for run in kept], notes


def author_row(run: PublishedRun) -> TrialResult:
    """Convert one of the authors' published runs to a row of results."""
    feasible = math.isfinite(run.eval_loss) and math.isfinite(run.valid_loss)
    capacity = run.task == "random_mapping"
    metric = EVALUATION[run.task]
    number = (-run.eval_loss if feasible else 0.0) if capacity else run.eval_loss
    return TrialResult(
        study=f"authors/{run.task}/{run.cell}-d{run.depth}-p{run.max_parameters}",
        number=run.iteration,
        task=run.task,
        cell=run.cell,
        depth=run.depth,
        size=run.max_parameters,
        units=units(run.task, run.cell, run.depth, run.max_parameters),
        parameters=run.parameters,
        metric=metric,
        goal="maximize" if capacity else "minimize",
        value=number if capacity else run.valid_loss,
        feasible=feasible,
        metrics={metric: number},
        settings=run.hparams,
        method="random" if run.file.startswith(RANDOM_FIGURE) else "bayes",
        dataset=DATASETS.get(run.task, ""),
        input_size=SIZES.get(run.task, (None, None))[0],
        source="authors",
    )


@lru_cache
def units(task: str, cell: str, depth: int, budget: int) -> int | None:
    """Return the units per layer of the largest network within a parameter budget; None if no figure plots units."""
    return units_for_budget(cell, depth, budget, *SIZES[task]) if task in SIZES else None
