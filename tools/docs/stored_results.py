"""Formats the results in tools/results as Markdown tables and commands for the documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "results"


class Markdown(str):
    """Text that a notebook shows as Markdown."""

    def _repr_markdown_(self) -> str:
        return str(self)


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
        return form.format(**{**run, "options": " ".join(run.get("options", []))}).replace("|", "\\|")
    except (KeyError, TypeError, ValueError):
        return ""


def command_lines(
    script: str, runs: Sequence[Mapping[str, Any]], settings: Mapping[str, str], size: tuple[str, str]
) -> list[str]:
    """Return the commands that made stored runs, one for all cells that have the same sizes and settings.

    Args:
        script: The script, such as tools/memory_curve.py, which takes its cells by the option `--cells`.
        runs: The runs.
        settings: Entries of a run by the script's options, such as {"--trials": "trials"}.
        size: The option that takes the sizes of the networks, and the entry with a run's size; two empty strings if
            the script has none.
    """
    sizes: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        words = [*(f"{option} {run[name]}" for option, name in settings.items()), *run["options"]]
        sizes.setdefault((run["cell"], " ".join(words)), []).append(str(run.get(size[1], "")))
    cells: dict[str, list[str]] = {}
    for (cell, given), own in sizes.items():
        cells.setdefault(" ".join(filter(None, [size[0], *own, given])), []).append(cell)
    return [f"python {script} --cells {' '.join(names)} {given}" for given, names in cells.items()]


def commands(*arguments: Any) -> Markdown:
    """Format the commands of `command_lines`, which has the same arguments, as a block of shell commands."""
    lines = "\n".join(command_lines(*arguments))
    return Markdown(f"```bash\n{lines}\n```")
