"""Measures the bits per parameter that each cell stores with the shipped config: a table and a figure of the docs.

    python tools/capacity_table.py --out tools/results

Runs `rnn-capacity fit --config configs/random_mapping.yaml` for six cells (depth 1; the +RNN depth 2) at two budgets,
one seed each, one after another, each in a process of its own; options that the script does not know go to that
command. A run that is already in the results is not run again: delete the file, or name another folder, after a change
of the config.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

from measuring import CELLS, script_parser
from recording import Run, figure, fit_summary, markdown_table, measure_missing

BUDGETS = (700, 3000)


def measure(wanted: Run) -> Run:
    """Train one network by the shipped config and return its summary."""
    cell = wanted["cell"]
    options = [f"--model.cell={cell}", f"--model.depth={CELLS[cell].depth}"]
    return fit_summary(
        "random_mapping.yaml", [*options, f"--model.max_parameters={wanted['budget']}", *wanted["options"]]
    )


def table(runs: list[Run]) -> str:
    """Format the results as a Markdown table, one row per trained network."""
    header = ("cell", "depth", "units", "parameters", "accuracy", "bits per parameter", "by likelihood", "seconds")
    rows = []
    for run in runs:
        bits = [f"{run[name]:.2f}" for name in ("bits_per_parameter", "likelihood_bits_per_parameter")]
        size = run["depth"], run["units"], f"{run['parameters']:,}"
        rows.append((run["cell"], *size, f"{run['accuracy']:.4f}", *bits, f"{run['seconds']:.0f}"))
    return markdown_table(header, rows)


def draw(runs: list[Run], path: Path) -> None:
    """Draw bits per parameter by cell and budget, as bars."""
    with figure(path) as (axes,):
        for place, budget in enumerate(sorted({run["budget"] for run in runs})):
            bits = {run["cell"]: run["bits_per_parameter"] for run in runs if run["budget"] == budget}
            positions = [list(CELLS).index(cell) + 0.4 * (place - 0.5) for cell in bits]
            bars = axes.bar(positions, list(bits.values()), 0.38, label=f"≤ {budget:,}")
            axes.bar_label(bars, fmt="%.2f", fontsize=8)
        axes.set_xticks(range(len(CELLS)), [facts.label for facts in CELLS.values()])
        axes.set_ylabel("stored bits per parameter")
        axes.legend(title="parameters", frameon=False)


def main() -> None:
    """Train the networks that the stored results lack, then print the table and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS), help="cells to measure")
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS, help="parameter budgets")
    arguments, options = parser.parse_known_args()
    runs = measure_missing(
        arguments.out / "capacity.json",
        [
            {"cell": cell, "budget": budget, "options": options}
            for budget, cell in product(arguments.budgets, arguments.cells)
        ],
        measure,
        identity=("cell", "budget"),
        order=lambda run: (run["budget"], list(CELLS).index(run["cell"])),
    )
    print(table(runs))
    draw(runs, arguments.out / "capacity.png")


if __name__ == "__main__":
    main()
