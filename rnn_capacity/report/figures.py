"""Draws the figures of the report with matplotlib."""

from __future__ import annotations

import io
import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import LogFormatter, LogLocator

from rnn_capacity.report.panel import Panel, Point
from rnn_capacity.report.results import CELL_LABELS, PAPER_CELLS, order

COLORS = dict(
    zip(
        (CELL_LABELS[cell] for cell in PAPER_CELLS),
        ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#000000", "#d55e00"),  # Okabe and Ito's, for the color-blind
        strict=True,
    )
)
"""Colors of the paper's cells, by label; other cells have matplotlib's default colors."""

MARKERS = {"ours": "o", "authors": "x", "paper": "*"}
"""Matplotlib markers of points from our trials, the authors' runs and the paper's text."""

LINES = {"ours": "-", "authors": ":", "paper": ""}
"""Matplotlib line styles of points from our trials, the authors' runs and the paper's text."""

PART = (4.2, 3.2)
"""Width and height of one subplot in inches."""

DPI = 120
"""Resolution of the PNG files in pixels per inch."""

PLAIN = 1e5
"""Logarithmic x-axes whose points are all below this number have plain tick labels instead of powers of ten."""

STYLE: Any = {"font.size": 9, "svg.hashsalt": "rnn-capacity", "axes.spines.top": False, "axes.spines.right": False}
"""Matplotlib's rcParams for all figures; the fixed hash salt makes equal figures equal SVG files."""


def render(panel: Panel) -> tuple[str, bytes]:
    """Draw the figure of a panel as SVG and as PNG.

    Args:
        panel: The panel.

    Returns:
        The figure as SVG text and as the bytes of a PNG file.
    """
    with matplotlib.rc_context(STYLE):
        figure = draw(panel)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        svg, png = io.StringIO(), io.BytesIO()
        imsave(png, canvas.buffer_rgba(), format="png")
        figure.set_layout_engine("none")  # the layout is found
        figure.savefig(svg, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return svg.getvalue(), png.getvalue()


def draw(panel: Panel) -> Figure:
    """Draw the figure of a panel with matplotlib: a subplot for each facet, and one legend."""
    facets = panel.all_facets
    columns = min(panel.parts_in_row, len(facets))
    rows = math.ceil(len(facets) / columns)
    size = (max(columns, 2) * PART[0], rows * PART[1] + 0.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    share: Any = "all" if panel.shared else False
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).ravel()
    handles: dict[str, Any] = {}
    for facet, part in zip(facets, axes, strict=False):
        points = [point for point in panel.points if point.facet == facet]
        part.set_title(facet, fontsize=9)
        if points:
            DRAWERS[panel.kind](part, panel, points, handles)
            part.tick_params(which="both", labelbottom=True, labelleft=True)  # on shared axes, too
            part.set_xlabel(panel.x)
            part.set_ylabel(panel.y if panel.kind != "matrix" else "")
        else:
            part.text(0.5, 0.5, "no study yet", ha="center", va="center", color="gray", transform=part.transAxes)
            part.set_axis_off()
    for part in axes[len(facets) :]:
        part.set_axis_off()
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=2 * max(columns, 2), frameon=False
        )
    return figure


def error_bars(points: list[Point]) -> Any:
    """Return the lengths of error bars below and above each point, (2, points); 0 for a point without an interval."""
    ends = [(point.y.value, *(point.y.interval or (point.y.value, point.y.value))) for point in points]
    return np.array([(max(value - low, 0), max(high - value, 0)) for value, low, high in ends]).T


def draw_lines(part: Axes, panel: Panel, points: list[Point], handles: dict[str, Any]) -> None:
    """Draw a subplot with a line and error bars for each cell and source, and the reference lines."""
    if "x" in panel.log and any(float(point.x) > 0 for point in points):
        part.set_xscale("log")
        if max(float(point.x) for point in points) < PLAIN:
            part.xaxis.set_major_formatter(LogFormatter())
            part.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))  # more labels than these would overlap
            part.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(4, 4)))
        only = float(points[0].x)
        if only > 0 and len({point.x for point in (panel.points if panel.shared else points)}) == 1:
            part.set_xlim(only / 2, only * 2)  # matplotlib has no limits of its own for a single position
    if "y" in panel.log and any(point.y.value > 0 for point in points):
        part.set_yscale("log", nonpositive="mask")
    for index, (series, source) in enumerate(sorted({(p.series, p.source) for p in points}, key=order)):
        own = sorted((p for p in points if (p.series, p.source) == (series, source)), key=lambda p: float(p.x))
        drawn = part.errorbar(
            [float(point.x) for point in own],
            [point.y.value for point in own],
            yerr=error_bars(own),
            color=COLORS.get(series, f"C{index}"),
            marker=MARKERS[source],
            linestyle=LINES[source],
            markersize=4 if source != "paper" else 10,
            linewidth=1.2,
            elinewidth=0.8,
            capsize=2,
        )
        handles[series if source == "ours" else f"{series}, {source}"] = drawn
    for label, line in panel.references.items():
        if len(line) == 1:
            handles[label] = part.axhline(line[0][1], color="gray", linestyle="--", linewidth=1)
        elif line:
            (handles[label],) = part.plot(*zip(*line, strict=True), color="gray", linestyle="--", linewidth=1)


def positions(points: list[Point]) -> dict[str, int]:
    """Return the position of each category on the x-axis, cells in the paper's order."""
    return {name: index for index, name in enumerate(sorted({str(point.x) for point in points}, key=order))}


def draw_categories(part: Axes, panel: Panel, points: list[Point], handles: dict[str, Any]) -> None:
    """Draw a subplot with each point and its error bar over its category, and the paper's number beside it."""
    places = positions(points)
    for source in sorted({point.source for point in points}, reverse=True):
        own = [point for point in points if point.source == source]
        x = [places[str(point.x)] + (0.15 if source != "ours" else 0) for point in own]
        style: Any = {"color": "#0072b2" if source == "ours" else "gray", "linestyle": "", "capsize": 3}
        y = [point.y.value for point in own]
        handles[source] = part.errorbar(x, y, yerr=error_bars(own), marker=MARKERS[source], **style)
    if "y" in panel.log and all(point.y.value > 0 for point in points):
        part.set_yscale("log", nonpositive="mask")
    known = {places[str(point.x)]: point.published for point in points if point.published is not None}
    if known:
        handles["paper"] = part.scatter(
            [place - 0.15 for place in known], list(known.values()), marker="*", s=60, color="#d55e00", zorder=3
        )
    part.set_xticks(list(places.values()), list(places))
    part.set_xlim(-0.5, len(places) - 0.5)


def draw_boxes(part: Axes, panel: Panel, points: list[Point], handles: dict[str, Any]) -> None:
    """Draw a subplot with a box plot of the values of each point, over the point's category."""
    places = positions(points)
    for source in sorted({point.source for point in points}, reverse=True):
        own = [point for point in points if point.source == source]
        boxes = part.boxplot(
            [list(point.values) for point in own],
            positions=[places[str(point.x)] + (0.25 if source != "ours" else 0) for point in own],
            widths=0.3,
            whis=(5, 95),
            showfliers=False,
            manage_ticks=False,
            medianprops={"color": "#d55e00"},
            boxprops={"color": "black" if source == "ours" else "gray"},
        )
        handles[source] = boxes["boxes"][0]
    if "y" in panel.log:
        part.set_yscale("log", nonpositive="mask")
    part.set_xticks(list(places.values()), list(places))
    part.set_xlim(-0.5, len(places) - 0.5)


def draw_matrix(part: Axes, panel: Panel, points: list[Point], handles: dict[str, Any]) -> None:
    """Draw a subplot with a matrix of numbers, as colors and text: cells in rows against cells in columns."""
    names = sorted({str(point.x) for point in points} | {point.series for point in points}, key=order)
    grid = np.full((len(names), len(names)), np.nan)
    for point in points:
        grid[names.index(point.series), names.index(str(point.x))] = point.y.value
    limit = float(np.abs(grid[np.isfinite(grid)]).max(initial=0)) or 1.0
    signed = bool((grid < 0).any())
    part.imshow(grid, cmap="RdBu_r" if signed else "Oranges", vmin=-limit if signed else 0, vmax=limit, alpha=0.6)
    for (row, column), value in np.ndenumerate(grid):
        if not math.isnan(value):
            part.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=8)
    part.set_xticks(range(len(names)), names)
    part.set_yticks(range(len(names)), names)


DRAWERS = {"lines": draw_lines, "categories": draw_categories, "boxes": draw_boxes, "matrix": draw_matrix}
"""Function that draws a subplot, by the kind of panel: lines, categories, boxes or matrix."""
