"""Panels of memory, text and a random continuous function (Collins et al. 2017, sec. 2.2, 3, Fig. 2c and 3)."""

from __future__ import annotations

from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.measures import CAPACITY_LABELS, MEMORY_INPUTS, base_depth, evaluation, inputs
from rnn_capacity.report.panel import Panel, Point, best_point, missing_points
from rnn_capacity.report.panels.capacity import parameters
from rnn_capacity.report.published import published
from rnn_capacity.report.results import Rows, TrialResult, grouped, select


def task_panels(rows: Rows) -> list[Panel]:
    """Make the panels of the memory, text and random continuous function tasks."""
    return [
        memory(select(rows, task="memory")),
        loss_by_size(select(rows, task="language"), "fig3_text", "bits per character"),
        loss_by_size(select(rows, task="continuous_function"), "fig3_continuous_function", "weighted squared error"),
    ]


def units(row: TrialResult) -> float:
    """Return the number of units per layer of a trial's network."""
    return float(row.units or 0)


def memory(rows: Rows) -> Panel:
    """Make the panel of the memory task: the mean squared error against units, beside the theory."""
    points = []
    sized = [row for row in rows if row.units]
    keys = grouped(sized, lambda row: (inputs(row), row.depth, row.label, row.units or 0, row.source))
    for (values, depth, cell, size, _), group in keys.items():
        facet = f"{values} values, depth {depth}"
        points.append(best_point(facet, cell, units, group, evaluation, theoretical_mse(size, values)))
    facet = f"{MEMORY_INPUTS} values, depth 1"
    theory = [(float(size), theoretical_mse(size, MEMORY_INPUTS)) for size in range(1, 2 * MEMORY_INPUTS + 1)]
    expected = [(f"{MEMORY_INPUTS} values, depth {base_depth(cell)}", cell) for cell in CAPACITY_LABELS]
    return Panel(
        "fig2c_memory",
        "units",
        "mean squared error",
        points,
        [facet],
        missing_points(expected, points),
        references={"theory for 64 values": theory},
    )


def loss_by_size(rows: Rows, key: str, label: str) -> Panel:
    """Make the panel of a task's loss, against parameters in one subplot and against units in the next."""
    points: list[Point] = []
    sized = [row for row in rows if row.size is not None]
    keys = grouped(sized, lambda row: (row.dataset, row.depth, row.label, row.size or 0, row.source))
    for axis, x in (("parameters", parameters), ("units", units)):
        for (dataset, depth, cell, _, _), group in keys.items():
            if axis == "parameters" or all(row.units for row in group):
                points.append(best_point(f"{dataset}, depth {depth}, against {axis}", cell, x, group, evaluation))
    if label == "bits per character":
        points += [
            Point(
                "text8, depth 4, against parameters",
                known["cell"],
                float(known["parameters"]),
                Estimate(known["bits_per_character"]),
                known["bits_per_character"],
                source="paper",
            )
            for known in published()["text8"]
            if any(row.dataset == "text8" for row in rows)
        ]
    facets = sorted({point.facet for point in points}, key=lambda facet: (facet.rpartition(", ")[0], facet))
    datasets = {row.dataset for row in rows if row.source == "ours"}
    expected = [
        (f"{dataset}, depth {base_depth(cell)}, against parameters", cell)
        for dataset in sorted(datasets)
        for cell in CAPACITY_LABELS
    ]
    missing = missing_points(expected, points) if datasets else ["all cells: no study of this task"]
    return Panel(key, "size", label, points, facets, missing, log="x", parts_in_row=2)
