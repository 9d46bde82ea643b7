"""Shared by the scripts in tools: facts about the paper's cells, argument parsers and timing functions."""

from __future__ import annotations

import os
import platform
import statistics
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parent / "results"


class CellFacts(NamedTuple):
    """Number of gates of a cell, with the depth and the label that the scripts use for it."""

    gates: int
    """Number of gates, including candidates: 4 for an LSTM."""

    depth: int
    """Number of recurrent layers of the measured network: 2 for the +RNN, 1 for other cells."""

    label: str
    """Name of the cell in figures."""


CELLS = {
    "rnn": CellFacts(1, 1, "RNN"),
    "ugrnn": CellFacts(2, 1, "UGRNN"),
    "gru": CellFacts(3, 1, "GRU"),
    "lstm": CellFacts(4, 1, "LSTM"),
    "intersection": CellFacts(4, 2, "+RNN (2 layers)"),
    "irnn": CellFacts(1, 1, "IRNN"),
}
"""Number of gates, depth and label of each cell of the paper, in the order of tables and figures."""


def script_parser(doc: str | None, *, out: bool = False, json: bool = False) -> ArgumentParser:
    """Make a parser that shows a script's docstring as its help.

    Args:
        doc: The docstring.
        out: Add `--out`, the folder of the results.
        json: Add `--json`, the file of the results.
    """
    parser = ArgumentParser(description=doc, formatter_class=RawDescriptionHelpFormatter)
    if out:
        parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    if json:
        parser.add_argument("--json", type=Path, help="file for the results")
    return parser


def machine() -> str:
    """Describe the machine: its processor and the number of its cores."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return f"{cpu}, {os.cpu_count()} cores"


def conditions() -> str:
    """Describe what a benchmark runs on: the machine, torch, its threads and the machine's load."""
    import torch

    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    return f"{machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads; load average {load} before"


def timed(function: Callable[[], object], calls: int = 1) -> Callable[[], float]:
    """Return a function that calls another one several times and returns the mean seconds per call."""

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(calls):
            function()
        return (time.perf_counter() - start) / calls

    return measure


def median_seconds(
    measurements: Mapping[str, Callable[[], float]], rounds: int, *, warmup: int = 1
) -> dict[str, float]:
    """Return the median seconds of several measurements made in turn, so that changes in machine speed affect all.

    Args:
        measurements: Functions that return seconds, by name; each is called once in every round.
        rounds: Rounds that count.
        warmup: Rounds before these.

    Returns:
        The medians by name.
    """
    found: dict[str, list[float]] = {name: [] for name in measurements}
    for number in range(warmup + rounds):
        for name, measure in measurements.items():
            seconds = measure()
            if number >= warmup:
                found[name].append(seconds)
    return {name: statistics.median(values) for name, values in found.items()}
