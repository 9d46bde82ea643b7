"""What each cell remembers with the shipped defaults, beside theory: the memory task's table and figure.

    python tools/memory_curve.py --out tools/results
    python tools/memory_curve.py --cells irnn --model.optimizer.lr=0.001

Runs `rnn-capacity fit --config configs/memory.yaml` for each cell and number of units (depth 1; the +RNN depth 2), one
after another, each in a process of its own; options it does not know go to that command. A run that is already in the
results is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
from machine import machine

mpl.use("Agg")
import matplotlib.pyplot as plt

from rnn_capacity.metrics import theoretical_mse

ROOT = Path(__file__).parent.parent
CELLS = {"rnn": 1, "ugrnn": 1, "gru": 1, "lstm": 1, "intersection": 2, "irnn": 1}
"""Cells, each with its depth."""
UNITS = (16, 32, 48, 64, 80, 96)
DIMENSIONS = 64
"""Values to be remembered, as in configs/memory.yaml."""


def measure(cell: str, units: int, options: list[str]) -> dict[str, Any]:
    """Train one network by the shipped config and return its summary."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rnn_capacity", "fit", "--config", str(ROOT / "configs/memory.yaml")]
        command += [f"--model.cell={cell}", f"--model.depth={CELLS[cell]}"]
        command += [f"--model.hidden_size={units}", "--model.max_parameters=null", f"--data.input_size={DIMENSIONS}"]
        command += [f"--trainer.default_root_dir={folder}", *options]
        subprocess.run(command, check=True)
        (path,) = Path(folder).glob("*/*/summary.json")
        summary: dict[str, Any] = json.loads(path.read_text())
        return {**summary, "options": options}


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| cell | depth | units | MSE in theory | MSE | reals recovered | per unit | per state real | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in results:
        errors = f"{theoretical_mse(run['units'], DIMENSIONS):.3f} | {run['mse']:.4f}"
        reals = f"{run['dimensions_recovered']:.1f} | {run['reals_per_unit']:.3f} | {run['reals_per_state_real']:.3f}"
        lines.append(f"| {run['cell']} | {run['depth']} | {run['units']} | {errors} | {reals} | {run['seconds']:.0f} |")
    return "\n".join(lines)


def figure(results: list[dict[str, Any]], path: Path) -> None:
    """MSE against units: theory on the left, the measured points over it on the right."""
    axes: Any
    picture, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", sharex=True, sharey=True)
    most = max((run["units"] for run in results), default=UNITS[-1])
    units = range(1, max(most, UNITS[-1]) + 1)
    theory = [theoretical_mse(size, DIMENSIONS) for size in units]
    axes[0].plot(units, theory, color="black")
    axes[1].plot(units, theory, color="0.7", zorder=0)
    for (cell, depth), marker in zip(CELLS.items(), "os^dvx", strict=True):
        runs = [run for run in results if run["cell"] == cell]
        label = f"+RNN ({depth} layers)" if cell == "intersection" else cell.upper()
        if runs:
            axes[1].plot(
                [run["units"] for run in runs], [run["mse"] for run in runs], marker, fillstyle="none", label=label
            )
    for panel, title in zip(axes, ("theory: max(0, 1 - units / 64)", "measured"), strict=True):
        panel.set_title(title, fontsize=10)
        panel.axvline(DIMENSIONS, color="0.8", linestyle=":")
        panel.set_xlabel("units per layer")
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("MSE per dimension")
    axes[0].set_ylim(-0.03, 1.03)
    if results:
        axes[1].legend(frameon=False)
    picture.savefig(path, dpi=150)


def main() -> None:
    """Measure what is missing, then print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tools/results", help="folder of the results")
    parser.add_argument("--cells", nargs="*", default=["rnn", "gru"], choices=list(CELLS), help="cells to measure")
    parser.add_argument("--units", nargs="*", type=int, default=UNITS, help="units per layer")
    arguments, options = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "memory.json"
    results: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.is_file() else []
    for cell in arguments.cells:
        for units in arguments.units:
            if any((run["cell"], run["units"], run["options"]) == (cell, units, options) for run in results):
                continue
            results = [run for run in results if (run["cell"], run["units"]) != (cell, units)]
            results.append(measure(cell, units, options))
            results.sort(key=lambda run: (list(CELLS).index(run["cell"]), run["units"]))
            path.write_text(json.dumps({"machine": machine(), "runs": results}, indent=1) + "\n")
    print(machine())
    print(table(results))
    figure(results, arguments.out / "memory.png")


if __name__ == "__main__":
    main()
