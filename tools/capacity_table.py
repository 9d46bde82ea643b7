"""What each cell stores with the shipped defaults: the table and the figure of the README.

    python tools/capacity_table.py --out tools/results

Runs `rnn-capacity fit --config configs/random_mapping.yaml` for six cells (depth 1; the +RNN depth 2) at two budgets,
one seed each, one after another, each in a process of its own. A run that is already in the results is not run again:
delete the file, or name another folder, after a change of the config.
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

ROOT = Path(__file__).parent.parent
CELLS = {"rnn": 1, "ugrnn": 1, "gru": 1, "lstm": 1, "intersection": 2, "irnn": 1}
"""Cells in the paper's order of capacity, each with its depth."""
BUDGETS = (700, 3000)


def measure(cell: str, budget: int, options: list[str]) -> dict[str, Any]:
    """Train one network by the shipped config and return its summary."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rnn_capacity", "fit", "--config", str(ROOT / "configs/random_mapping.yaml")]
        command += [f"--model.cell={cell}", f"--model.depth={CELLS[cell]}", f"--model.max_parameters={budget}"]
        command += [f"--trainer.default_root_dir={folder}", *options]
        subprocess.run(command, check=True)
        (path,) = Path(folder).glob("*/*/summary.json")
        summary: dict[str, Any] = json.loads(path.read_text())
        return summary


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| cell | depth | units | parameters | accuracy | bits per parameter | by likelihood | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in results:
        bits = f"{run['bits_per_parameter']:.2f} | {run['likelihood_bits_per_parameter']:.2f}"
        figures = f"{run['accuracy']:.4f} | {bits}"
        size = f"{run['depth']} | {run['units']} | {run['parameters']:,}"
        lines.append(f"| {run['cell']} | {size} | {figures} | {run['seconds']:.0f} |")
    return "\n".join(lines)


def figure(results: list[dict[str, Any]], path: Path) -> None:
    """Bits per parameter by cell and budget, as bars."""
    axes: Any
    picture, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    budgets = sorted({run["budget"] for run in results})
    for place, budget in enumerate(budgets):
        runs = {run["cell"]: run for run in results if run["budget"] == budget}
        cells = [cell for cell in CELLS if cell in runs]
        positions = [list(CELLS).index(cell) + 0.4 * (place - 0.5) for cell in cells]
        bars = axes.bar(positions, [runs[cell]["bits_per_parameter"] for cell in cells], 0.38, label=f"≤ {budget:,}")
        axes.bar_label(bars, fmt="%.2f", fontsize=8)
    names = ["+RNN (2 layers)" if cell == "intersection" else cell.upper() for cell in CELLS]
    axes.set_xticks(range(len(CELLS)), names)
    axes.set_ylabel("stored bits per parameter")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(title="parameters", frameon=False)
    picture.savefig(path, dpi=150)


def main() -> None:
    """Measure what is missing, then print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tools/results", help="folder of the results")
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS), help="cells to measure")
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS, help="parameter budgets")
    arguments, options = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "capacity.json"
    results: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.is_file() else []
    for budget in arguments.budgets:
        for cell in arguments.cells:
            if any((run["cell"], run["budget"]) == (cell, budget) for run in results):
                continue
            results.append({"budget": budget, "machine": machine(), **measure(cell, budget, options)})
            results.sort(key=lambda run: (run["budget"], list(CELLS).index(run["cell"])))
            path.write_text(json.dumps({"runs": results}, indent=1) + "\n")
    print(table(results))
    figure(results, arguments.out / "capacity.png")


if __name__ == "__main__":
    main()
