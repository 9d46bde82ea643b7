"""Panels of all studies in a storage, those with the user's own tasks and cells included."""

from __future__ import annotations

from rnn_capacity.formatting import metric_label
from rnn_capacity.report.measures import infeasible_share
from rnn_capacity.report.panel import Panel, Point, best_point
from rnn_capacity.report.panels.capacity import parameters
from rnn_capacity.report.results import Rows, TrialResult, best_first, commands, grouped


def overview_panels(rows: Rows) -> list[Panel]:
    """Make the panels of all our studies: the best value of each, and its share of diverged trials."""
    return [objectives(rows), infeasible_shares(rows)]


def facet(row: TrialResult) -> str:
    """Return the title of a trial's subplot: task, data set, depth and optimized metric."""
    dataset = f" ({row.dataset})" if row.dataset else ""
    return f"{row.task.replace('_', ' ')}{dataset}, depth {row.depth}: {metric_label(row.metric)}"


def objectives(rows: Rows) -> Panel:
    """Make the panel of the best value of the optimized metric against parameters, a line for each cell."""
    points = []
    built = [row for row in rows if row.parameters is not None]
    for (part, cell, _), group in grouped(built, lambda row: (facet(row), row.label, row.size or 0)).items():
        point = best_point(part, cell, parameters, group, lambda row: row.value)
        best = best_first(group)[0]
        settings = ", ".join(
            f"{name.rpartition('.')[2]} {value:.3g}"
            if isinstance(value, float)
            else f"{name.rpartition('.')[2]} {value}"
            for name, value in best.settings.items()
        )
        point.more["best hyperparameters"] = settings
        points.append(point)
    return Panel(
        "studies_best",
        "parameters",
        "best value",
        points,
        log="x",
    )


def infeasible_shares(rows: Rows) -> Panel:
    """Make the panel of the share of infeasible trials in each study."""
    points = []
    for study, group in grouped(rows, lambda row: row.study).items():
        diverged = infeasible_share(group)
        task = f"{group[0].task.replace('_', ' ')}, depth {group[0].depth}"
        more = {"study": study}
        points.append(Point(task, group[0].label, group[0].label, diverged, None, commands(group), more=more))
    return Panel(
        "studies_infeasible",
        "cell",
        "infeasible share",
        points,
        kind="categories",
    )
