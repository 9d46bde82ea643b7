"""Formats the benchmark results in tools/results as Markdown tables for the documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.display import Markdown

RESULTS = Path(__file__).parent.parent / "results"


def read_results(name: str) -> Any:
    """Read a file of tools/results.

    Args:
        name: The file's name without its ending.
    """
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(runs: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Markdown:
    """Format runs as a Markdown table followed by their machines, without columns that no run has.

    Args:
        runs: The runs.
        columns: A format with names of entries, such as "{seconds:.1f}", by the column's heading.
    """
    rows = [[write(form, run) for form in columns.values()] for run in runs]
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    lines = [list(columns), ["---"] * len(columns), *rows]
    text = "\n".join("| " + " | ".join(line[place] for place in kept) + " |" for line in lines)
    machines = dict.fromkeys(run["machine"] for run in runs if "machine" in run)
    return Markdown(f"{text}\n\nMachine: {'; '.join(machines)}." if machines else text)


def write(form: str, run: Mapping[str, Any]) -> str:
    """Fill a format string such as "{seconds:.1f}" with a run's entries, or return "" if the run lacks one."""
    try:
        return form.format(**{**run, "options": " ".join(run.get("options", []))})
    except (KeyError, TypeError, ValueError):
        return ""
