"""A panel: one figure of the report with its table, both made from the same points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.published import read_yaml
from rnn_capacity.report.results import Rows, best_first, commands

Kind = Literal["lines", "categories", "boxes", "matrix"]


@dataclass(frozen=True)
class Point:
    """One point of a figure: a number with its confidence interval and the command that runs its trials again."""

    facet: str
    """Title of the subplot that shows the point."""

    series: str
    """Label of the point's line or row in the figure: the cell."""

    x: float | str
    """Position on the x-axis: a number, or the name of a category."""

    y: Estimate
    """The plotted number with its confidence interval."""

    published: float | None = None
    """The number that the paper reports for the same quantity; None if it reports none."""

    command: str = ""
    """Shell command that runs the point's trials again."""

    source: str = "ours"
    """Where the point comes from: ours, authors (their published runs) or paper (a number in its text)."""

    values: Sequence[float] = ()
    """All single values behind the point, which a box plot shows."""

    more: dict[str, Any] = field(default_factory=dict)
    """Further columns of the point's row in the table, by heading."""


@dataclass(frozen=True)
class Panel:
    """One figure of the report and its table, made from the same points."""

    key: str
    """Name of the panel's files without suffix, and key of its heading and caption in `panels.yaml`."""

    x: str
    """Label of the x-axis."""

    y: str
    """Label of the y-axis."""

    points: list[Point]
    """The points of the figure, which are the rows of the table."""

    facets: Sequence[str] = ()
    """Titles of the subplots that are shown even if they have no points."""

    missing: Sequence[str] = ()
    """Lines that name the cells, sizes or tasks that no study has trained."""

    kind: Kind = "lines"
    """How the points are drawn: lines, categories, boxes or matrix."""

    log: str = ""
    """Axes with a logarithmic scale: x, y, xy or none (empty)."""

    shared: bool = False
    """Whether all subplots have the same axis limits."""

    parts_in_row: int = 3
    """Largest number of subplots side by side."""

    references: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Points (x, y) of reference lines, such as a theory, by label; each is drawn in every subplot."""

    @property
    def title(self) -> str:
        """Heading of the panel: number and subject of the paper's figure."""
        return str(read_yaml("panels")[self.key]["title"])

    @property
    def caption(self) -> str:
        """Caption of the figure: the plotted quantities and the paper's finding."""
        return str(read_yaml("panels")[self.key]["caption"])

    @property
    def all_facets(self) -> list[str]:
        """Titles of all subplots: the expected ones, then others that only points name."""
        return list(dict.fromkeys([*self.facets, *(point.facet for point in self.points)]))

    def table(self) -> list[dict[str, Any]]:
        """Return the rows of the table, one for each point, as dicts by column heading."""
        published = any(point.published is not None for point in self.points)
        return [
            {
                "part": point.facet,
                "cell": point.series,
                "source": point.source,
                self.x: point.x,
                self.y: point.y.value,
                "low": point.y.low,
                "high": point.y.high,
                "trials": point.y.trials or None,
                **({"published": point.published} if published else {}),
                **point.more,
                "command": point.command,
            }
            for point in self.points
        ]

    def columns(self) -> list[str]:
        """Return the headings of the table's columns, the command last."""
        columns = dict.fromkeys(name for row in self.table() for name in row)
        return [*(name for name in columns if name != "command"), *(["command"] if columns else [])]


def best_point(
    facet: str,
    series: str,
    x: Callable[[Any], float],
    rows: Rows,
    quantity: Callable[[Any], float],
    published: float | None = None,
) -> Point:
    """Return the point of the best of several trials, with the bootstrap interval over all of them.

    Args:
        facet: Part of the figure.
        series: The cell.
        x: Position of the best trial on the x-axis.
        rows: The trials.
        quantity: What is reported of the best trial.
        published: The paper's number.
    """
    best = best_first(rows)[0]
    more = {"best trial": f"{best.study} #{best.number}"}
    estimate = Estimate.of_best(rows, quantity)
    return Point(facet, series, x(best), estimate, published, commands(rows), rows[0].source, more=more)


def missing_points(expected: Iterable[tuple[str, str]], points: Iterable[Point]) -> list[str]:
    """Return a line for each subplot in which our trials lack cells that the paper has.

    Args:
        expected: Pairs of a facet and a cell's label.
        points: The points.
    """
    found = {(point.facet, point.series) for point in points if point.source == "ours"}
    lacking: dict[str, list[str]] = {}
    for facet, series in expected:
        if (facet, series) not in found:
            lacking.setdefault(facet, []).append(series)
    return [f"{facet}: {', '.join(cells)}" for facet, cells in lacking.items()]
