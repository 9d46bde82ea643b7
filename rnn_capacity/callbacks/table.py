"""The final figures as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

LABELS = {
    "bits_per_parameter": "bits per parameter (accuracy)",
    "likelihood_bits_per_parameter": "bits per parameter (likelihood)",
}
"""Summary keys that the table calls by another name than their own words."""

BESIDE = ("seeds", "versions", "commit")
"""Summary keys that are left to summary.json."""


def readable(value: bool | int | float | str) -> str:
    """A figure as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else value


def show(summary: dict[str, Any], directory: Path | None) -> None:
    """Print the summary as a table, and where the run is."""
    table = Table(title=str(summary["task"]).replace("_", " "), show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for key, value in summary.items():
        if key in BESIDE or key == "task" or value is None:
            continue
        table.add_row(LABELS.get(key, key.replace("_", " ")), readable(value))
    console = Console(soft_wrap=True)
    console.print(table)
    if directory is not None:
        console.print(f"run: {directory}", highlight=False)
