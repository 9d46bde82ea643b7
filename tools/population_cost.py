"""How the cost of a population grows with its members, samples, parameters and steps: a figure and its numbers.

    python tools/population_cost.py --out tools/results

Seconds of training (start-up and the final evaluation excluded) of a population of tanh RNNs by
`rnn_capacity.population.train`, with one of four quantities varied at a time around 64 members of 500 samples, 8 units
and 24 inputs (281 parameters), 100 optimizer steps, five unrolled. Where the cost is linear, the points lie on a
straight line: the figure draws the least-squares line through them with its R², the share of the variance it explains.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from bench_population import CALL, members_of
from machine import machine

from rnn_capacity.models import parameter_count
from rnn_capacity.population import train

mpl.use("Agg")
import matplotlib.pyplot as plt

BASE = {"members": 64, "samples": 500, "units": 8, "steps": 100}
"""What is held where another quantity is varied; steps are optimizer steps."""

VARIED: dict[str, tuple[int, ...]] = {
    "members": (16, 64, 128, 256, 384, 512),
    "samples": (250, 500, 1000, 2000, 4000, 8000),
    "units": (8, 16, 24, 32, 40, 48),
    "steps": (100, 200, 300, 400, 500, 600),
}
"""The values of each quantity."""

INPUTS = 24


def seconds(members: int, samples: int, units: int, steps: int) -> float:
    """Seconds of so many steps of all members: from each chunk's first call on, without the last."""
    marks: list[tuple[int, float]] = []
    last = steps + CALL
    population = members_of("rnn", units, samples, members, last + CALL)
    train(population, on_call=lambda made: marks.append((made, time.perf_counter())))
    starts = [at for made, at in marks if made == CALL]
    ends = [at for made, at in marks if made == last]
    return sum(end - start for start, end in zip(starts, ends, strict=True))


def measure(turns: int) -> dict[str, list[list[float]]]:
    """For each quantity its values, units as parameters, with the least seconds of some turns."""
    found: dict[str, list[list[float]]] = {}
    for name, values in VARIED.items():
        points = []
        for value in values:
            taken = min(seconds(**{**BASE, name: value}) for _ in range(turns))
            shown = parameter_count("rnn", 1, value, INPUTS, 1) if name == "units" else value
            points.append([float(shown), taken])
            print(name, shown, f"{taken:.3f} s", flush=True)
        found["parameters" if name == "units" else name] = points
    return found


def fitted(points: list[list[float]]) -> tuple[float, float, float]:
    """Slope and start of the least-squares line, and R²."""
    x, y = np.array(points).T
    slope, start = np.polyfit(x, y, 1)
    left = y - (slope * x + start)
    return float(slope), float(start), float(1 - (left**2).sum() / ((y - y.mean()) ** 2).sum())


def figure(found: dict[str, list[list[float]]], path: Path) -> None:
    """A panel for each quantity."""
    axes: Any
    picture, axes = plt.subplots(1, len(found), figsize=(11, 2.8), layout="constrained")
    for panel, (name, points) in zip(axes, found.items(), strict=True):
        slope, start, share = fitted(points)
        x, y = np.array(points).T
        panel.plot(x, slope * x + start, color="0.7", zorder=0)
        panel.plot(x, y, "o", fillstyle="none")
        panel.set_xlabel({"steps": "optimizer steps", "samples": "samples b", "members": "members K"}.get(name, name))
        panel.set_title(f"R² = {share:.4f}", fontsize=10)
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds")
    picture.savefig(path, dpi=150)


def main() -> None:
    """Measure, write the numbers and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    parser.add_argument("--turns", type=int, default=2, help="measurements of each point; the least counts")
    arguments = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = measure(arguments.turns)
    lines = {name: dict(zip(("slope", "start", "r2"), fitted(points), strict=True)) for name, points in found.items()}
    where = {"machine": machine(), "threads": torch.get_num_threads()}
    content = {**where, "base": BASE, "points": found, "lines": lines}
    (arguments.out / "population_cost.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for name, line in lines.items():
        print(f"{name}: R² {line['r2']:.4f}")
    figure(found, arguments.out / "population_cost.png")


if __name__ == "__main__":
    main()
