"""Panels of capacity per parameter (Collins et al. 2017, sec. 2.1, Fig. 1, 2a, 2b and App. Fig. 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rnn_capacity.report.estimates import combine
from rnn_capacity.report.measures import (
    CAPACITY_LABELS,
    DEPTHS,
    at_base_depth,
    bits_at,
    bits_per_parameter,
    by_cell,
    capacity_rows,
    is_relu_only,
    labels_at,
    largest_common_size,
    loss_name,
    steps_curve,
    stored_bits,
)
from rnn_capacity.report.panel import Panel, Point, best_point, missing_points
from rnn_capacity.report.published import published
from rnn_capacity.report.results import LOSSES, PROTOCOLS, Rows, TrialResult, commands, grouped, select

PARAMETERS, BITS, PER_PARAMETER = "parameters", "stored bits", "bits per parameter"


def capacity_panels(rows: Rows) -> list[Panel]:
    """Make the panels of the random mapping task, which measures the capacity per parameter."""
    found = capacity_rows(rows)
    return [
        against_parameters(found, "fig1_stored_bits", BITS, stored_bits, "xy"),
        against_parameters(found, "fig1_bits_per_parameter", PER_PARAMETER, bits_per_parameter, "x"),
        factors(found),
        relu(found),
        unrolled_steps(found),
        best_samples(found),
    ]


def parameters(row: TrialResult) -> float:
    """Return the number of parameters of a trial's network."""
    return float(row.parameters or row.size or 0)


def samples(row: TrialResult) -> float:
    """Return the number of random labels that a trial's network was trained to store."""
    return float(row.metrics["samples"])


def against_parameters(rows: Rows, key: str, label: str, quantity: Callable[[TrialResult], float], log: str) -> Panel:
    """Make the panel of the best trials' bits against parameters, a subplot for each protocol and depth."""
    reference = published()["bits_per_parameter"]
    points = []
    keys = grouped(rows, lambda row: (PROTOCOLS.index(row.protocol), row.depth, row.label, row.size or 0, row.source))
    for (protocol, depth, cell, _, _), group in keys.items():
        known = reference.get(cell) if label == PER_PARAMETER else None
        points.append(best_point(f"{PROTOCOLS[protocol]}, depth {depth}", cell, parameters, group, quantity, known))
    facets = [f"{protocol}, depth {depth}" for protocol in PROTOCOLS for depth in DEPTHS]
    expected = [
        (f"{protocol}, depth {depth}", cell) for protocol in PROTOCOLS for depth in DEPTHS for cell in labels_at(depth)
    ]
    return Panel(
        key,
        PARAMETERS,
        label,
        points,
        facets,
        missing_points(expected, points),
        log=log,
        shared=True,
        references={"paper: about 5": [(0, reference["average"])]} if label == PER_PARAMETER else {},
    )


def factors(rows: Rows) -> Panel:
    """Make the matrix of the factors by which one cell needs more parameters than another to store as much."""
    points, missing = [], []
    for source, protocol in (*(("ours", protocol) for protocol in PROTOCOLS), ("authors", PROTOCOLS[0])):
        cells = by_cell(at_base_depth(select(rows, protocol=protocol, source=source)))
        size = largest_common_size(cells)
        estimates = bits_at(cells, size)
        if len(estimates) < 2:
            missing += [f"{protocol}: no size at which two cells have trials"] if source == "ours" else []
            continue
        for needs, one in estimates.items():
            for than, other in estimates.items():
                if needs != than and one.value > 0:
                    factor = combine(lambda v: v[1] / v[0], one, other)
                    group = [row for cell in (needs, than) for row in select(cells[cell], size=size)]
                    facet = f"{protocol if source == 'ours' else 'authors'}, {size:,} parameters"
                    points.append(Point(facet, needs, than, factor, None, commands(group), source))
    return Panel(
        "fig1i_factors",
        "than",
        "factor",
        points,
        missing=missing,
        kind="matrix",
    )


def relu(rows: Rows) -> Panel:
    """Make the panel of bits per parameter of cells with ReLU instead of tanh, and of the IRNN."""
    chosen = at_base_depth(row for row in rows if is_relu_only(row) or row.cell == "irnn")
    known = published()["relu_bits_per_parameter"]
    points = list(by_protocol(chosen, bits_per_parameter, known))
    expected = [(protocol, cell) for protocol in PROTOCOLS for cell in known]
    return Panel(
        "fig2a_relu",
        PARAMETERS,
        PER_PARAMETER,
        points,
        PROTOCOLS,
        missing_points(expected, points),
        log="x",
        shared=True,
        references={"paper: about 3.5": [(0, known["RNN"])]},
    )


def by_protocol(rows: Rows, quantity: Callable[[TrialResult], float], known: dict[str, float]) -> Iterator[Point]:
    """Iterate over the points of the best trials of each protocol, cell and parameter budget."""
    groups = grouped(rows, lambda row: (PROTOCOLS.index(row.protocol), row.label, row.size or 0, row.source))
    for (protocol, cell, _, _), group in groups.items():
        yield best_point(PROTOCOLS[protocol], cell, parameters, group, quantity, known.get(cell))


def unrolled_steps(rows: Rows) -> Panel:
    """Make the panel of bits per parameter against the number of unrolled time steps."""
    points = []
    found = [row for row in at_base_depth(rows) if row.source == "ours"]
    for (loss, cell), group in grouped(found, lambda row: (LOSSES.index(loss_name(row)), row.label)).items():
        curve = steps_curve(group)
        if len(curve) > 1:
            points += [
                best_point(LOSSES[loss], cell, lambda row: float(row.unrolled_steps or 0), trials, bits_per_parameter)
                for trials in curve.values()
            ]
    return Panel(
        "fig2b_unrolled_steps",
        "unrolled steps",
        PER_PARAMETER,
        points,
        LOSSES,
        missing_points([(LOSSES[0], cell) for cell in CAPACITY_LABELS], points),
        shared=True,
    )


def best_samples(rows: Rows) -> Panel:
    """Make the panel of the best trials' number of training samples b against stored bits."""
    chosen = at_base_depth(row for row in rows if row.feasible and row.metrics.get("samples"))
    points = []
    for (protocol, cell, _), group in grouped(
        chosen, lambda row: (PROTOCOLS.index(row.protocol), row.label, row.size or 0)
    ).items():
        points.append(best_point(PROTOCOLS[protocol], cell, stored_bits, group, samples))
    ends = [point.x for point in points if isinstance(point.x, float) and point.x > 0]
    line = [(min(ends), min(ends)), (max(ends), max(ends))] if ends else []
    expected = [(protocol, cell) for protocol in PROTOCOLS for cell in CAPACITY_LABELS]
    return Panel(
        "app_fig1_best_samples",
        BITS,
        "best b",
        points,
        PROTOCOLS,
        missing_points(expected, points),
        log="xy",
        shared=True,
        references={"b = stored bits": line},
    )
