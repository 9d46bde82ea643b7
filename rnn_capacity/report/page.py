"""Writes the report: an HTML page, figures as SVG and PNG, tables as CSV, and claims as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from rnn_capacity import __version__
from rnn_capacity.files import write_atomically
from rnn_capacity.formatting import format_value
from rnn_capacity.report.claims import Claim, judge
from rnn_capacity.report.figures import render
from rnn_capacity.report.measures import trained
from rnn_capacity.report.panel import Panel
from rnn_capacity.report.panels.capacity import capacity_panels
from rnn_capacity.report.panels.overview import overview_panels
from rnn_capacity.report.panels.tasks import task_panels
from rnn_capacity.report.panels.trainability import trainability_panels
from rnn_capacity.report.published import read_yaml
from rnn_capacity.report.results import EVALUATION, PAPER_CELLS, Rows, select
from rnn_capacity.report.stored import StoredStudy, file_names, rerun_files
from rnn_capacity.report.verdicts import MIN_TRIALS


def paper_panels(rows: Rows) -> list[Panel]:
    """Make the panels (figures with tables) of all the paper's results, in the paper's order."""
    panels = [*capacity_panels(rows), *task_panels(rows), *trainability_panels(rows)]
    return sorted(panels, key=lambda panel: list(read_yaml("panels")).index(panel.key))


def is_of_the_paper(rows: Rows) -> bool:
    """Return whether any trial has one of the paper's tasks and cells."""
    return any(row.task in EVALUATION and row.cell in PAPER_CELLS for row in rows)


def make_report(studies: list[StoredStudy], authors: Rows, notes: list[str], storage: str) -> dict[str, str | bytes]:
    """Return the content of all files of the report, by path.

    Args:
        studies: Our studies.
        authors: Rows of the authors' runs.
        notes: Lines about what was left out.
        storage: Name of the storage, without a password.

    Returns:
        The content of each file by its path in the report's folder.
    """
    ours = [row for study in studies for row in study.rows]
    paper = is_of_the_paper([*ours, *authors])
    claims = judge(ours) if paper else []
    panels = [*(paper_panels(trained([*ours, *authors])) if paper else []), *overview_panels(ours)]
    figures = {panel.key: render(panel) for panel in panels if panel.points}
    content: dict[str, str | bytes] = {}
    for key, (svg, png) in figures.items():
        content |= {f"figures/{key}.svg": svg, f"figures/{key}.png": png}
    for panel in panels:
        content[f"tables/{panel.key}.csv"] = csv_text(panel.columns(), panel.table())
    for study in studies:
        pairs = zip(file_names(study.name), rerun_files(study.specification), strict=True)
        content |= {path: yaml.safe_dump(part, sort_keys=False) for path, part in pairs}
    records = [claim_record(claim) for claim in claims]
    if records:
        content["claims.json"] = json.dumps(records, indent=2, ensure_ascii=False) + "\n"
        content["claims.csv"] = csv_text(list(records[0]), records)
    environment = Environment(
        loader=PackageLoader("rnn_capacity.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = format_value
    content["index.html"] = environment.get_template("page.html").render(
        title="Capacity and trainability of recurrent networks" if paper else "Studies of recurrent networks",
        studies=studies,
        trials=len(ours),
        author_trials=len(select(authors, source="authors")),
        storage=storage,
        version=__version__,
        notes=notes,
        claims=claims,
        min_trials=MIN_TRIALS,
        panels=panels,
        figures={key: inline(svg) for key, (svg, _) in figures.items()},
    )
    return content


def inline(svg: str) -> str:
    """Return SVG text from its <svg> tag on, as an HTML page embeds it."""
    return svg[svg.index("<svg") :]


def claim_record(claim: Claim) -> dict[str, Any]:
    """Return a claim as a dict for claims.json, in which infinite and NaN values are null."""
    facts = asdict(claim)
    key, statement = facts.pop("key"), facts.pop("claim")
    record = {"claim": key, "protocol": facts.pop("protocol"), "statement": statement, **facts}
    return {name: finite(value) for name, value in record.items()}


def finite(value: Any) -> Any:
    """Return a value, or None instead of an infinite or NaN float."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv_text(columns: list[str], rows: list[dict[str, Any]]) -> str:
    """Format rows as CSV text, with empty fields for None and missing values."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: finite(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def write_report(content: dict[str, str | bytes], folder: Path) -> None:
    """Write the files of the report, the HTML page last, so that it never shows missing files.

    Raises:
        OSError: If a file cannot be written.
    """
    for path, part in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / path, part)
