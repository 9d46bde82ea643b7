"""Measures the memory task's error of each cell with the shipped config, compared with theory: a table and figure.

    python tools/memory_curve.py --out tools/results
    python tools/memory_curve.py --cells irnn --model.optimizer.lr=0.001

Runs `rnn-capacity fit --config configs/memory.yaml` for each cell and number of units (depth 1; the +RNN depth 2), one
after another, each in a process of its own; options that the script does not know go to that command. A run that is
already in the results is not run again.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

from measuring import CELLS, script_parser
from recording import Run, figure, fit_summary, markdown_table, measure_missing

from rnn_capacity.metrics import theoretical_mse

UNITS = (16, 32, 48, 64, 80, 96)
DIMENSIONS = 64
"""Number of real values of an input to be remembered, as in configs/memory.yaml."""


def measure(wanted: Run) -> Run:
    """Train one network by the shipped config and return its summary."""
    cell = wanted["cell"]
    options = [f"--model.cell={cell}", f"--model.depth={CELLS[cell].depth}", f"--model.hidden_size={wanted['units']}"]
    options += ["--model.max_parameters=null", f"--data.input_size={DIMENSIONS}", *wanted["options"]]
    return fit_summary("memory.yaml", options)


def table(runs: list[Run]) -> str:
    """Format the results as a Markdown table, one row per trained network."""
    header = ("cell", "depth", "units", "MSE in theory", "MSE", "reals recovered", "per unit", "per state real")
    rows = []
    for run in runs:
        errors = f"{theoretical_mse(run['units'], DIMENSIONS):.3f}", f"{run['mse']:.4f}"
        reals = (
            f"{run['dimensions_recovered']:.1f}",
            f"{run['reals_per_unit']:.3f}",
            f"{run['reals_per_state_real']:.3f}",
        )
        rows.append((run["cell"], run["depth"], run["units"], *errors, *reals, f"{run['seconds']:.0f}"))
    return markdown_table((*header, "seconds"), rows)


def draw(runs: list[Run], path: Path) -> None:
    """Draw MSE against units: theory on the left, the measured points over it on the right."""
    units = range(1, max([UNITS[-1], *(run["units"] for run in runs)]) + 1)
    theory = [theoretical_mse(size, DIMENSIONS) for size in units]
    with figure(path, 2, (8, 3.4), sharex=True, sharey=True) as axes:
        axes[0].plot(units, theory, color="black")
        axes[1].plot(units, theory, color="0.7", zorder=0)
        for (cell, facts), marker in zip(CELLS.items(), "os^dvx", strict=True):
            points = [(run["units"], run["mse"]) for run in runs if run["cell"] == cell]
            if points:
                axes[1].plot(*zip(*points, strict=True), marker, fillstyle="none", label=facts.label)
        for panel, title in zip(axes, ("theory: max(0, 1 - units / 64)", "measured"), strict=True):
            panel.set_title(title, fontsize=10)
            panel.axvline(DIMENSIONS, color="0.8", linestyle=":")
            panel.set_xlabel("units per layer")
        axes[0].set_ylabel("MSE per dimension")
        axes[0].set_ylim(-0.03, 1.03)
        if runs:
            axes[1].legend(frameon=False)


def main() -> None:
    """Train the networks that the stored results lack, then print the table and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--cells", nargs="*", default=["rnn", "gru"], choices=list(CELLS), help="cells to measure")
    parser.add_argument("--units", nargs="*", type=int, default=UNITS, help="units per layer")
    arguments, options = parser.parse_known_args()
    runs = measure_missing(
        arguments.out / "memory.json",
        [
            {"cell": cell, "units": units, "options": options}
            for cell, units in product(arguments.cells, arguments.units)
        ],
        measure,
        identity=("cell", "units"),
        order=lambda run: (list(CELLS).index(run["cell"]), run["units"]),
    )
    print(table(runs))
    draw(runs, arguments.out / "memory.png")


if __name__ == "__main__":
    main()
