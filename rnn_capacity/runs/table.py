"""Prints the table of final metrics at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rnn_capacity.formatting import format_value, metric_label

NOT_PRINTED = ("task", "seeds", "versions", "machine", "commit")
"""Keys of summary.json that the printed table leaves out."""


def print_summary(summary: dict[str, Any], directory: Path | None) -> None:
    """Print a run's summary as a table of two columns, and the path of the run's directory below it.

    Args:
        summary: The content of summary.json.
        directory: Directory of the run; None if it has none.

    Example:
        >>> print_summary({"task": "memory", "units": 1200, "mse": 0.25}, None)
            memory
        ┌───────┬───────┐
        │ units │ 1,200 │
        │ mse   │  0.25 │
        └───────┴───────┘
    """
    table = Table(title=summary["task"].replace("_", " "), show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for key, value in summary.items():
        if key not in NOT_PRINTED and value is not None:
            table.add_row(metric_label(key), format_value(value))
    console = Console(soft_wrap=True, markup=False, emoji=False)
    console.print(table)
    if directory is not None:
        console.print(f"run: {directory}", highlight=False)
