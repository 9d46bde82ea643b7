"""The panel of runs that repeat the best hyperparameters with other seeds (Collins et al. 2017, App. Table 1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnn_capacity.report.estimates import Estimate, share
from rnn_capacity.report.measures import feasible_losses, repeated_runs
from rnn_capacity.report.panel import Panel, Point
from rnn_capacity.report.published import published
from rnn_capacity.report.results import CELL_LABELS, EVALUATION, Rows, TrialResult, commands, select

PAPER_FACET = "parentheses, depth 1"


class Repetition(NamedTuple):
    """Runs with the same hyperparameters and different seeds, and the best trial that they repeat."""

    original: TrialResult | None
    """The best other trial of the same task, cell, depth and size, which the runs repeat; None without one."""

    runs: Rows
    """The repeated runs, whose hyperparameters differ in the network's seed only."""

    @property
    def losses(self) -> list[float]:
        """Final losses of the runs that did not diverge; stored bits are negated, so that less is better."""
        sign = -1.0 if self.runs[0].goal == "maximize" and self.runs[0].task == "random_mapping" else 1.0
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
        yield Repetition(min(settings, key=lambda row: row.loss, default=None), group)


def robustness_panel(rows: Rows) -> Panel:
    """Make the panel of the mean losses of repeated runs beside the loss of the original trial."""
    points = [point for repetition in repetitions(rows) if (point := repeated_point(repetition)) is not None]
    found = {point.series for point in points if point.facet == PAPER_FACET and point.source == "ours"}
    lacking = [cell for cell in published()["repeated_runs"] if cell not in found]
    return Panel(
        "app_table1_repeated_runs",
        "cell",
        "mean loss",
        points,
        [PAPER_FACET],
        [f"{PAPER_FACET}: {', '.join(lacking)}"] if lacking else [],
        kind="categories",
        log="y",
    )


def repeated_point(repetition: Repetition) -> Point | None:
    """Return the point of repeated runs: the mean loss with its interval; None if all diverged."""
    runs, losses, first = repetition.runs, repetition.losses, repetition.runs[0]
    if not losses:
        return None
    facet = f"{first.task.replace('_', ' ')}, depth {first.depth}"
    known = published()["repeated_runs"].get(first.label, {}) if facet == PAPER_FACET else {}
    diverged = share(sum(not row.feasible for row in runs), len(runs))
    more = {
        "size": first.size,
        "original": repetition.original_loss,
        "min": min(losses),
        "max": max(losses),
        "s.d.": float(np.std(losses, ddof=1)) if len(losses) > 1 else None,
        "infeasible": diverged.value,
        "infeasible low": diverged.low,
        "infeasible high": diverged.high,
        **{f"published {name}": value for name, value in known.items() if name != "mean"},
    }
    cell = CELL_LABELS.get(first.cell, first.cell)
    estimate = Estimate.of_mean(losses)
    return Point(facet, cell, cell, estimate, known.get("mean"), commands(runs), first.source, more=more)
