"""Selects, groups and measures trials for the figures and claims of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import CELL_LABELS, PAPER_CELLS, Rows, TrialResult, grouped, select

DEPTHS = (1, 2, 4)
"""Network depths of the paper's capacity figures (Fig. 1)."""

CAPACITY_LABELS = [CELL_LABELS[cell] for cell in PAPER_CELLS]
"""The paper's names of its cells, in the order of its capacity results."""

SEED = "model.init_args.seed"

CAPACITY = "random_mapping"


def bits_per_parameter(row: TrialResult) -> float:
    """Return the stored bits per parameter of a trial's network."""
    return row.bits_per_parameter


def stored_bits(row: TrialResult) -> float:
    """Return the stored bits of a random mapping trial's network."""
    return row.evaluation


def evaluation(row: TrialResult) -> float:
    """Return the metric that the paper's figures show for a trial's task, such as bits per character for text."""
    return row.evaluation


def base_depth(label: str) -> int:
    """Return the smallest depth at which the paper trains a cell: 2 for the +RNN, otherwise 1."""
    return 2 if label == "+RNN" else 1


def at_base_depth(rows: Iterable[TrialResult]) -> Rows:
    """Return the trials whose depth is the smallest that the paper trains the cell at."""
    return [row for row in rows if row.depth == base_depth(row.label)]


def by_cell(rows: Iterable[TrialResult]) -> dict[str, Rows]:
    """Group trials by the label of the cell, such as LSTM."""
    return grouped(rows, lambda row: row.label)


def by_size(rows: Iterable[TrialResult]) -> dict[int, Rows]:
    """Group trials by parameter budget, the smallest first."""
    return grouped((row for row in rows if row.size is not None), lambda row: row.size)


def is_relu_only(row: TrialResult) -> bool:
    """Return whether a trial's network has ReLU where the cell's default nonlinearity is tanh."""
    return row.nonlinearity == "relu" and row.cell != "irnn"


def capacity_rows(rows: Iterable[TrialResult], protocol: str | None = None) -> Rows:
    """Return the random mapping trials, either of one protocol (`PROTOCOLS`) or of both."""
    found = select(rows, task=CAPACITY)
    return found if protocol is None else select(found, protocol=protocol)


def largest_common_size(cells: dict[str, Rows]) -> int | None:
    """Return the largest parameter budget at which every cell has trials; None if there is none."""
    sizes = [set(by_size(rows)) for rows in cells.values()]
    common: set[int] = set.intersection(*sizes) if sizes else set()
    return max(common, default=None)


def bits_at(cells: dict[str, Rows], size: int | None) -> dict[str, Estimate]:
    """Return, for each cell, the bits per parameter of the best trial at one parameter budget."""
    found = {label: select(rows, size=size) for label, rows in cells.items()}
    return {label: Estimate.of_best(rows, bits_per_parameter) for label, rows in found.items() if rows}


def steps_curve(rows: Rows) -> dict[int, Rows]:
    """Group one cell's trials by unrolled steps, at the parameter budget with the most different step counts."""
    sizes = by_size(row for row in rows if row.unrolled_steps is not None)
    if not sizes:
        return {}
    size = max(sizes, key=lambda one: (len({row.unrolled_steps for row in sizes[one]}), one))
    return grouped(sizes[size], lambda row: row.unrolled_steps)


def loss_name(row: TrialResult) -> str:
    """Return the name of the loss that a random mapping trial was trained with."""
    return "cross-entropy" if row.loss_exponent == 0 else "generalized cross-entropy"


def is_seed_only(row: TrialResult) -> bool:
    """Return whether a trial's study varies only the network's seed, so that the trials are repeated runs."""
    return bool(row.settings) and set(row.settings) == {SEED}


def trained(rows: Iterable[TrialResult]) -> Rows:
    """Return the trials in which a network was trained, not those with refused settings or failed workers."""
    return [row for row in rows if not {"refused", "failed"} & row.metrics.keys()]


def random_draws(rows: Iterable[TrialResult], task: str) -> Rows:
    """Return the trials of a task in studies by random search, without those that vary only the seed."""
    return [row for row in rows if row.task == task and row.method == "random" and not is_seed_only(row)]


def tuner_trials(rows: Iterable[TrialResult], task: str) -> Rows:
    """Return the trials of a task in studies by Bayesian optimization, without those that vary only the seed."""
    return [row for row in rows if row.task == task and row.method == "bayes" and not is_seed_only(row)]


def at_main_size(rows: Iterable[TrialResult]) -> Rows:
    """Return the trials at the parameter budget that most of the trials have."""
    found = [row for row in rows if row.size is not None]
    sizes = Counter(row.size for row in found)
    return select(found, size=max(sizes, key=lambda size: (sizes[size], size))) if sizes else []


def feasible_losses(rows: Iterable[TrialResult]) -> list[float]:
    """Return the final losses, as the paper plots them, of the trials that did not diverge."""
    return [row.evaluation for row in rows if row.feasible and row.evaluation == row.evaluation]


def all_losses(rows: Iterable[TrialResult]) -> list[float]:
    """Return the final losses, as the paper plots them, of all trials, diverged ones included.

    A diverged trial of ours has the loss of a constant predictor.
    """
    return [row.evaluation for row in rows if row.evaluation == row.evaluation]


def repeated_runs(rows: Iterable[TrialResult]) -> list[Rows]:
    """Return groups of at least three trials of one study whose hyperparameters differ in the seed only."""

    def point(row: TrialResult) -> tuple[Any, ...]:
        return (row.source, row.study, repr(sorted((k, v) for k, v in row.settings.items() if k != SEED)))

    groups = grouped(rows, point)
    return [
        group
        for group in groups.values()
        if len(group) >= 3 and (SEED in group[0].settings or group[0].source == "authors")
    ]
