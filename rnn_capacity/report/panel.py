"""A panel of the report: points with intervals, from which its figure and its table are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.published import read_yaml
from rnn_capacity.report.results import Rows, commands

Kind = Literal["lines", "categories", "boxes", "matrix"]


@dataclass(frozen=True)
class Point:
    """A number in a figure, with its interval, the trials behind it and the command that runs them again."""

    facet: str
    """The part of the figure that shows the point."""

    series: str
    """The line that the point belongs to: a cell."""

    x: float | str
    """Where the point stands on the x-axis."""

    y: Estimate
    """The number."""

    published: float | None = None
    """The number that the paper has for it."""

    command: str = ""
    """Command that runs the trials again."""

    source: str = "ours"
    """ours, authors (their published runs) or paper (a number in its text)."""

    values: Sequence[float] = ()
    """All values, for a box plot."""

    more: dict[str, Any] = field(default_factory=dict)
    """Further columns of the table."""


@dataclass(frozen=True)
class Panel:
    """One figure of the report and its table."""

    key: str
    """Name of the files, and of the heading and the caption in `panels.yaml`."""

    x: str
    """Label of the x-axis."""

    y: str
    """Label of the y-axis."""

    points: list[Point]
    """The points."""

    facets: Sequence[str] = ()
    """Parts of the figure that are shown even if they have no point."""

    missing: Sequence[str] = ()
    """What no study has measured."""

    kind: Kind = "lines"
    """How the points are drawn."""

    log: str = ""
    """Axes with a logarithmic scale: x, y or xy."""

    shared: bool = False
    """Whether all parts of the figure have the same axes."""

    parts_in_row: int = 3
    """Parts of the figure that stand side by side."""

    references: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Lines to compare with, such as a theory, by their labels; drawn in every facet."""

    @property
    def title(self) -> str:
        """Heading: the paper's figure and what it shows."""
        return str(read_yaml("panels")[self.key]["title"])

    @property
    def caption(self) -> str:
        """What is plotted, and what the paper found."""
        return str(read_yaml("panels")[self.key]["caption"])

    @property
    def all_facets(self) -> list[str]:
        """The expected parts of the figure, and those that only points name."""
        return list(dict.fromkeys([*self.facets, *(point.facet for point in self.points)]))

    def table(self) -> list[dict[str, Any]]:
        """Return the table: one row for each point."""
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
        """Return the columns of the table; the command is the last."""
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
    """Return the point of the best trial, with the interval of the bootstrap over all trials.

    Args:
        facet: Part of the figure.
        series: The cell.
        x: Position of the best trial on the x-axis.
        rows: The trials.
        quantity: What is reported of the best trial.
        published: The paper's number.
    """
    best = min(rows, key=lambda row: (not row.feasible, row.loss))
    more = {"best trial": f"{best.study} #{best.number}"}
    estimate = Estimate.of_best(rows, quantity)
    return Point(facet, series, x(best), estimate, published, commands(rows), rows[0].source, more=more)


def missing_points(expected: Iterable[tuple[str, str]], points: Iterable[Point]) -> list[str]:
    """Return a line for each part of a figure that lacks expected cells among our points.

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
