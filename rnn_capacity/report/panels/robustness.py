"""The panel of runs that repeat the best hyperparameters with other seeds (Collins et al. 2017, App. Table 1)."""

from __future__ import annotations

import numpy as np

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.measures import Repetition, infeasible_share, repetitions
from rnn_capacity.report.panel import Panel, Point
from rnn_capacity.report.published import published
from rnn_capacity.report.results import CELL_LABELS, Rows, commands

PAPER_FACET = "parentheses, depth 1"


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
    diverged = infeasible_share(runs)
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
