"""Quantities that panels and claims share, from rows of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import CELL_LABELS, PAPER_CELLS, Rows, TrialResult, grouped, select

DEPTHS = (1, 2, 4)
"""Depths of the paper's capacity figures."""

CAPACITY_LABELS = [CELL_LABELS[cell] for cell in PAPER_CELLS]
"""The paper's names of its cells in the order of its capacity results."""

SEED = "model.init_args.seed"

CAPACITY = "random_mapping"


def bits_per_parameter(row: TrialResult) -> float:
    """Return the stored bits of a trial over its parameters."""
    return row.bits_per_parameter


def stored_bits(row: TrialResult) -> float:
    """Return the stored bits of a trial."""
    return row.evaluation


def evaluation(row: TrialResult) -> float:
    """Return the metric of a trial that the paper's figures show."""
    return row.evaluation


def base_depth(label: str) -> int:
    """Return the least depth of a cell in the paper: 2 for the +RNN, else 1."""
    return 2 if label == "+RNN" else 1


def at_base_depth(rows: Iterable[TrialResult]) -> Rows:
    """Return the rows of each cell's least depth."""
    return [row for row in rows if row.depth == base_depth(row.label)]


def by_cell(rows: Iterable[TrialResult]) -> dict[str, Rows]:
    """Group rows by the cell's label."""
    return grouped(rows, lambda row: row.label)


def by_size(rows: Iterable[TrialResult]) -> dict[int, Rows]:
    """Group rows by their parameter budget, the smallest first."""
    return grouped((row for row in rows if row.size is not None), lambda row: row.size)


def is_relu_only(row: TrialResult) -> bool:
    """Return whether a cell that the paper also trains with tanh was given ReLU."""
    return row.nonlinearity == "relu" and row.cell != "irnn"


def capacity_rows(rows: Iterable[TrialResult], protocol: str | None = None) -> Rows:
    """Return the rows of random mapping, of one protocol or of both."""
    found = select(rows, task=CAPACITY)
    return found if protocol is None else select(found, protocol=protocol)


def largest_common_size(cells: dict[str, Rows]) -> int | None:
    """Return the largest size at which all the cells have trials; None if there is none."""
    sizes = [set(by_size(rows)) for rows in cells.values()]
    common: set[int] = set.intersection(*sizes) if sizes else set()
    return max(common, default=None)


def bits_at(cells: dict[str, Rows], size: int | None) -> dict[str, Estimate]:
    """Return the bits per parameter of each cell's best trial at a size."""
    found = {label: select(rows, size=size) for label, rows in cells.items()}
    return {label: Estimate.of_best(rows, bits_per_parameter) for label, rows in found.items() if rows}


def steps_curve(rows: Rows) -> dict[int, Rows]:
    """Return the rows of one cell by unrolled steps, at the size that was trained with the most numbers of steps."""
    sizes = by_size(row for row in rows if row.unrolled_steps is not None)
    if not sizes:
        return {}
    size = max(sizes, key=lambda one: (len({row.unrolled_steps for row in sizes[one]}), one))
    return grouped(sizes[size], lambda row: row.unrolled_steps)


def loss_name(row: TrialResult) -> str:
    """Return the name of the loss that a capacity run is trained with."""
    return "cross-entropy" if row.loss_exponent == 0 else "generalized cross-entropy"


def is_seed_only(row: TrialResult) -> bool:
    """Return whether a study varies nothing but the network's seed, so that its trials are repeated runs."""
    return bool(row.settings) and set(row.settings) == {SEED}


def trained(rows: Iterable[TrialResult]) -> Rows:
    """Return the rows whose network was trained, which a refused setting or a failing machine prevents."""
    return [row for row in rows if not {"refused", "failed"} & row.metrics.keys()]


def random_draws(rows: Iterable[TrialResult], task: str) -> Rows:
    """Return the rows of a task whose hyperparameters were drawn at random."""
    return [row for row in rows if row.task == task and row.method == "random" and not is_seed_only(row)]


def tuner_trials(rows: Iterable[TrialResult], task: str) -> Rows:
    """Return the rows of a task whose hyperparameters a tuner proposed."""
    return [row for row in rows if row.task == task and row.method == "bayes" and not is_seed_only(row)]


def at_main_size(rows: Iterable[TrialResult]) -> Rows:
    """Return the rows of the size that most rows have."""
    found = [row for row in rows if row.size is not None]
    sizes = Counter(row.size for row in found)
    return select(found, size=max(sizes, key=lambda size: (sizes[size], size))) if sizes else []


def feasible_losses(rows: Iterable[TrialResult]) -> list[float]:
    """Return the evaluation losses of the trials that did not diverge."""
    return [row.evaluation for row in rows if row.feasible and row.evaluation == row.evaluation]


def all_losses(rows: Iterable[TrialResult]) -> list[float]:
    """Return the evaluation losses of all trials; a diverged one of ours has the constant predictor's."""
    return [row.evaluation for row in rows if row.evaluation == row.evaluation]


def repeated_runs(rows: Iterable[TrialResult]) -> list[Rows]:
    """Return the groups of at least three trials of one study whose hyperparameters are equal apart from the seed."""

    def point(row: TrialResult) -> tuple[Any, ...]:
        return (row.source, row.study, repr(sorted((k, v) for k, v in row.settings.items() if k != SEED)))

    groups = grouped(rows, point)
    return [
        group
        for group in groups.values()
        if len(group) >= 3 and (SEED in group[0].settings or group[0].source == "authors")
    ]
