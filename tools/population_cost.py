"""Measures how the time to train a population of networks grows with members, samples, parameters and steps.

    python tools/population_cost.py --out tools/results

Seconds of training (start-up and the final evaluation excluded) of a population of tanh RNNs by
`rnn_capacity.population.train`, with one of four quantities varied at a time around 64 members of 500 samples, 8 units
and 24 inputs (281 parameters), 400 optimizer steps, five unrolled. Where the cost is linear, the points lie on a
straight line: the figure draws the least-squares line through them with its R², the share of the variance it explains.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from bench_population import INPUTS, population_seconds
from measuring import machine, script_parser
from recording import figure, save_results

from rnn_capacity.models import parameter_count

BASE = {"members": 64, "samples": 500, "units": 8, "steps": 400}
"""Values of members, samples, units and optimizer steps while another quantity is varied."""

VARIED: dict[str, tuple[int, ...]] = {
    "members": (16, 64, 128, 256, 384, 512),
    "samples": (250, 500, 1000, 2000, 4000, 8000),
    "units": (8, 16, 24, 32, 40, 48),
    "steps": (200, 400, 800, 1200, 1600, 2000),
}
"""Values of each varied quantity: members, samples, units and optimizer steps."""


def measure(turns: int) -> dict[str, list[list[float]]]:
    """Return (value, seconds of training) pairs of each varied quantity, the minimum over several turns."""
    found: dict[str, list[list[float]]] = {}
    for name, values in VARIED.items():
        points = []
        for value in values:
            taken = min(population_seconds("rnn", **{**BASE, name: value}) for _ in range(turns))
            shown = parameter_count("rnn", 1, value, INPUTS, 1) if name == "units" else value
            points.append([float(shown), taken])
            print(name, shown, f"{taken:.3f} s", flush=True)
        found["parameters" if name == "units" else name] = points
    return found


def fitted(points: list[list[float]]) -> tuple[float, float, float]:
    """Fit a line by least squares; return its slope, its start and R²."""
    x, y = np.array(points).T
    slope, start = np.polyfit(x, y, 1)
    left = y - (slope * x + start)
    return float(slope), float(start), float(1 - (left**2).sum() / ((y - y.mean()) ** 2).sum())


def draw(found: dict[str, list[list[float]]], path: Path) -> None:
    """Draw seconds of training against each varied quantity, one panel each, and write the figure to a file."""
    with figure(path, len(found), (11, 2.8)) as axes:
        for panel, (name, points) in zip(axes, found.items(), strict=True):
            slope, start, share = fitted(points)
            x, y = np.array(points).T
            panel.plot(x, slope * x + start, color="0.7", zorder=0)
            panel.plot(x, y, "o", fillstyle="none")
            labels = {"steps": "optimizer steps", "samples": "samples b", "members": "members K"}
            panel.set_xlabel(labels.get(name, name))
            panel.set_title(f"R² = {share:.4f}", fontsize=10)
            panel.set_xlim(left=0)
            panel.set_ylim(bottom=0)
        axes[0].set_ylabel("seconds")


def main() -> None:
    """Measure the training times, save them as JSON and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--turns", type=int, default=2, help="measurements of each point; the least counts")
    arguments = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13
    found = measure(arguments.turns)
    lines = {name: dict(zip(("slope", "start", "r2"), fitted(points), strict=True)) for name, points in found.items()}
    where = {"machine": machine(), "threads": torch.get_num_threads()}
    save_results(arguments.out / "population_cost.json", {**where, "base": BASE, "points": found, "lines": lines})
    for name, line in lines.items():
        print(f"{name}: R² {line['r2']:.4f}")
    draw(found, arguments.out / "population_cost.png")


if __name__ == "__main__":
    main()
