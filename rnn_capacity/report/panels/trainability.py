"""Panels of trainability on the parentheses and arithmetic tasks (Collins et al. 2017, sec. 4, Fig. 4, 5, Table 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rnn_capacity.report.estimates import Estimate, welch
from rnn_capacity.report.measures import (
    TRAINABILITY,
    TRAINABILITY_DEPTHS,
    all_losses,
    at_main_size,
    by_cell,
    evaluation,
    feasible_losses,
    infeasible_share,
    labels_at,
    trials_by,
)
from rnn_capacity.report.panel import Panel, Point, missing_points
from rnn_capacity.report.panels.robustness import robustness_panel
from rnn_capacity.report.published import published
from rnn_capacity.report.results import Rows, commands, grouped

CURVE_POINTS = 10
"""Largest number of points on a curve of loss against tuner trials."""


def trainability_panels(rows: Rows) -> list[Panel]:
    """Make the panels of the parentheses and arithmetic tasks, which measure trainability."""
    draws = [row for task in TRAINABILITY for row in trials_by("random", rows, task)]
    return [curves(rows), boxes(draws), infeasible(draws), robustness_panel(rows), significance(draws)]


def facets_of(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """Iterate over pairs of a subplot's title (task and depth) and its trials at the most frequent size."""
    for (task, depth, _), group in grouped(
        rows, lambda row: (TRAINABILITY.index(row.task), row.depth, row.source)
    ).items():
        yield f"{TRAINABILITY[task]}, depth {depth}", at_main_size(group)


def by_facet_and_cell(rows: Rows) -> Iterator[tuple[str, str, Rows]]:
    """Iterate over a subplot's title, a cell, and the cell's trials in that subplot."""
    for facet, group in facets_of(rows):
        for cell, trials in by_cell(group).items():
            yield facet, cell, trials


def expected(tasks: tuple[str, ...] = TRAINABILITY, suffix: str = "") -> list[tuple[str, str]]:
    """Return the pairs of a subplot's title and a cell that the paper has results for."""
    return [
        (f"{task}, depth {depth}{suffix}", cell)
        for task in tasks
        for depth in TRAINABILITY_DEPTHS
        for cell in labels_at(depth)
    ]


def curves(rows: Rows) -> Panel:
    """Make the panel of the median and the minimum loss against the number of tuner trials."""
    points: list[Point] = []
    tuned = [row for task in TRAINABILITY for row in trials_by("bayes", rows, task)]
    for facet, cell, trials in by_facet_and_cell(tuned):
        ordered = sorted(trials, key=lambda row: row.number)
        for count in checkpoints(len(ordered)):
            seen = ordered[:count]
            command, source = commands(seen), seen[0].source
            if losses := all_losses(seen):
                median = Estimate.of_median(losses)
                points.append(Point(f"{facet}, median", cell, float(count), median, None, command, source))
            if any(row.feasible for row in seen):
                least = Estimate.of_best(seen, evaluation)
                points.append(Point(f"{facet}, minimum", cell, float(count), least, None, command, source))
    return Panel(
        "fig4_tuner",
        "trials",
        "cross-entropy",
        points,
        [f"{task}, depth 1, {part}" for task in TRAINABILITY for part in ("median", "minimum")],
        missing_points(expected(suffix=", median"), points),
        log="xy",
    )


def checkpoints(count: int) -> list[int]:
    """Return at most `CURVE_POINTS` trial counts from 1 to `count`, evenly spaced in the logarithm."""
    steps = CURVE_POINTS - 1
    return sorted({round(math.exp(math.log(max(count, 1)) * index / steps)) for index in range(CURVE_POINTS)})


def boxes(draws: Rows) -> Panel:
    """Make the panel of box plots of the losses of trials with randomly drawn hyperparameters."""
    points = []
    for facet, cell, trials in by_facet_and_cell(draws):
        losses = feasible_losses(trials)
        if losses:
            median = Estimate.of_median(losses)
            points.append(Point(facet, cell, cell, median, None, commands(trials), trials[0].source, values=losses))
    return Panel(
        "fig5_random_draws",
        "cell",
        "cross-entropy",
        points,
        [f"parentheses, depth {depth}" for depth in TRAINABILITY_DEPTHS],
        missing_points(expected(tasks=("parentheses",)), points),
        kind="boxes",
        log="y",
    )


def infeasible(draws: Rows) -> Panel:
    """Make the panel of the share of trials with randomly drawn hyperparameters that diverge."""
    points = []
    for facet, cell, trials in by_facet_and_cell(draws):
        known = published()["infeasible_percent"].get(trials[0].depth, {}).get(cell)
        points.append(
            Point(
                facet,
                cell,
                cell,
                infeasible_share(trials),
                known / 100 if known is not None and facet.startswith("parentheses") else None,
                commands(trials),
                trials[0].source,
            )
        )
    return Panel(
        "table1_infeasible",
        "cell",
        "infeasible share",
        points,
        [f"parentheses, depth {depth}" for depth in TRAINABILITY_DEPTHS],
        missing_points(expected(tasks=("parentheses",)), points),
        kind="categories",
    )


def significance(draws: Rows) -> Panel:
    """Make the matrix of Welch's t between the losses of two cells with randomly drawn hyperparameters."""
    points = []
    for facet, group in facets_of(draws):
        cells = by_cell(group)
        known = published()["welch_t"].get(group[0].depth, {}) if facet.startswith("parentheses") else {}
        for first, trials in cells.items():
            for second, others in cells.items():
                test = welch(feasible_losses(trials), feasible_losses(others)) if first != second else None
                if test is not None:
                    value, opposite = known.get(first, {}).get(second), known.get(second, {}).get(first)
                    t = value if value is not None else -opposite if opposite is not None else None
                    bounds: dict[str, float | None] = {"difference": test.difference.value, "p": test.p}
                    bounds |= {"difference low": test.difference.low, "difference high": test.difference.high}
                    estimate = Estimate(test.t, trials=test.difference.trials)
                    source, command = trials[0].source, commands([*trials, *others])
                    part = facet if source == "ours" else f"{facet}, authors"
                    points.append(Point(part, first, second, estimate, t, command, source, more=bounds))
    pairs = [(f"parentheses, depth {depth}", "at least two cells") for depth in TRAINABILITY_DEPTHS]
    found = {point.facet for point in points if point.source == "ours"}
    return Panel(
        "app_table2_welch",
        "against",
        "t",
        points,
        missing=[f"{facet}: {what}" for facet, what in pairs if facet not in found],
        kind="matrix",
    )
