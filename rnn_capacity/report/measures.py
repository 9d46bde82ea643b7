"""Selects, groups and measures trials for the figures and claims of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rnn_capacity.report.estimates import Estimate, share
from rnn_capacity.report.results import (
    CELL_LABELS,
    EVALUATION,
    LOSSES,
    PAPER_CELLS,
    Rows,
    TrialResult,
    best_first,
    grouped,
    select,
)

DEPTHS = (1, 2, 4)
"""Network depths of the paper's capacity figures (Fig. 1)."""

CAPACITY_LABELS = [CELL_LABELS[cell] for cell in PAPER_CELLS]
"""The paper's names of its cells, in the order of its capacity results."""

SEED = "model.init_args.seed"

CAPACITY = "random_mapping"

MEMORY_INPUTS = 64
"""Number of values that networks remember in the paper's memory task."""

TRAINABILITY = ("parentheses", "arithmetic")
"""Tasks that the paper measures trainability with (Collins et al. 2017, sec. 4)."""

TRAINABILITY_DEPTHS = (1, 8)
"""Network depths of the paper's trainability results (Fig. 4 and 5)."""


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


def labels_at(depth: int) -> list[str]:
    """Return the labels of the paper's cells that the paper trains at a depth: all but the +RNN at depth 1."""
    return [label for label in CAPACITY_LABELS if depth >= base_depth(label)]


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


def equally_many(groups: dict[Any, Rows]) -> dict[Any, Rows]:
    """Return the first trials of each group, as many as the smallest group has.

    The best of many trials exceeds that of few, so groups are compared by the best of equally many.
    """
    fewest = min(map(len, groups.values()), default=0)
    return {key: sorted(rows, key=lambda row: row.number)[:fewest] for key, rows in groups.items()}


def steps_curve(rows: Rows) -> dict[int, Rows]:
    """Group one cell's trials by unrolled steps, at the parameter budget with the most different step counts."""
    sizes = by_size(row for row in rows if row.unrolled_steps is not None)
    if not sizes:
        return {}
    size = max(sizes, key=lambda one: (len({row.unrolled_steps for row in sizes[one]}), one))
    return grouped(sizes[size], lambda row: row.unrolled_steps)


def loss_name(row: TrialResult) -> str:
    """Return the name of the loss that a random mapping trial was trained with."""
    return LOSSES[row.loss_exponent != 0]


def inputs(row: TrialResult) -> int:
    """Return the number of values that a trial's network remembers in the memory task."""
    return row.input_size or MEMORY_INPUTS


def is_seed_only(row: TrialResult) -> bool:
    """Return whether a trial's study varies only the network's seed, so that the trials are repeated runs."""
    return bool(row.settings) and set(row.settings) == {SEED}


def trained(rows: Iterable[TrialResult]) -> Rows:
    """Return the trials in which a network was trained, not those with refused settings or failed workers."""
    return [row for row in rows if not {"refused", "failed"} & row.metrics.keys()]


def trials_by(method: str, rows: Iterable[TrialResult], task: str) -> Rows:
    """Return the trials of a task in studies by one method, without those that vary only the seed.

    Args:
        method: How the study chose hyperparameters: bayes for the tuner's trials, random for random draws.
        rows: The trials of all tasks and methods.
        task: Name of the task.
    """
    return [row for row in select(rows, task=task, method=method) if not is_seed_only(row)]


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


def infeasible_share(rows: Rows) -> Estimate:
    """Estimate the share of trials that diverged, with its confidence interval."""
    return share(sum(not row.feasible for row in rows), len(rows))


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


class Repetition(NamedTuple):
    """Runs with the same hyperparameters and different seeds, and the best trial that they repeat."""

    original: TrialResult | None
    """The best other trial of the same task, cell, depth and size, which the runs repeat; None without one.

    It is one of the tuner's trials if there are any.
    """

    runs: Rows
    """The repeated runs, whose hyperparameters differ in the network's seed only."""

    @property
    def losses(self) -> list[float]:
        """Final losses of the runs that did not diverge; stored bits are negated, so that less is better."""
        sign = -1.0 if self.runs[0].task == "random_mapping" else 1.0
        return [sign * loss for loss in feasible_losses(self.runs)]

    @property
    def original_loss(self) -> float | None:
        """Final loss of the original trial; stored bits are negated, so that less is better. None without one."""
        if self.original is None:
            return None
        return -self.original.evaluation if self.original.task == "random_mapping" else self.original.evaluation


def repetitions(rows: Rows) -> Iterator[Repetition]:
    """Iterate over the repeated runs of each task, cell, depth and size, the largest group of each."""
    found: dict[tuple[object, ...], Rows] = {}
    for group in repeated_runs(rows):
        first = group[0]
        key = (first.source, first.task, first.label, first.depth, first.size)
        found[key] = max(found.get(key, []), group, key=len)
    for (source, task, _, depth, size), group in found.items():
        if task not in EVALUATION:
            continue
        same = select(rows, source=source, task=task, cell=group[0].cell, depth=depth, size=size)
        settings = [row for row in same if row.feasible and row not in group]
        tuned = select(settings, method="bayes")
        yield Repetition(next(iter(best_first(tuned or settings)), None), group)
