"""Searches for the bits per parameter that each cell can store: tables and a figure of the docs.

    python tools/search_capacity.py --out tools/results

Runs `rnn-capacity search` for six cells of about 700 parameters (depth 1; the +RNN depth 2), one after another and from
an empty storage each. --loss paper is the paper's training: the cross-entropy with five unrolled steps. A cell that is
already in the results, with the same loss, as many trials, steps and members at once and the same options, is not
searched again. Options that the script does not know go to the command.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from measuring import CELLS, script_parser
from recording import ROOT, Run, figure, markdown_table, measure_missing, search


class Protocol(NamedTuple):
    """A training protocol of a search: its sweep files, and the options of the command that it fixes."""

    sweep: str
    """Path of the sweep file, relative to the project's folder."""

    own_sweeps: Mapping[str, str] = MappingProxyType({})
    """Paths of sweep files by cell, for cells that have one of their own."""

    options: tuple[str, ...] = ()
    """Options of the command."""

    label: str = ""
    """Text below a cell's name in the figure."""


PROTOCOLS = {
    "generalized": Protocol("configs/sweeps/capacity_narrow.yaml", {"rnn": "tools/sweeps/capacity_rnn.yaml"}),
    "warm_up": Protocol("configs/sweeps/capacity_warm_up.yaml", label="\nwarm-up"),
    "cross_entropy": Protocol("configs/sweeps/capacity_narrow_cross_entropy.yaml", label="\ncross-\nentropy"),
    "paper": Protocol(
        "tools/sweeps/capacity_paper.yaml",
        {"rnn": "tools/sweeps/capacity_rnn_paper.yaml"},
        ("--data.steps=5", "--data.loss_exponent=0"),
        "\npaper's\ntraining",
    ),
}
"""The protocols by the value of --loss: the generalized cross-entropy, the same at higher rates after a warm-up, the
cross-entropy, and the paper's cross-entropy with five unrolled steps."""

KEPT = ("bits_per_parameter", "parameters", "units", "samples", "accuracy", "likelihood_bits_per_parameter")
"""Metrics of the best trial that are stored."""


def measure(wanted: Run) -> Run:
    """Search for one cell and return its best trial's metrics, all trial values and the duration."""
    from rnn_capacity.studies import metrics

    depth = CELLS[wanted["cell"]].depth
    options = [f"--trials={wanted['trials']}", f"--population={wanted['population']}", f"--model.depth={depth}"]
    protocol = PROTOCOLS[wanted["loss"]]
    options += [f"--trainer.max_steps={wanted['steps']}", *protocol.options, *wanted["options"]]
    found = search(wanted["cell"], ROOT / protocol.own_sweeps.get(wanted["cell"], protocol.sweep), options)
    best = found.snapshot.best(1)[0]
    return {
        "depth": depth,
        **{name: metrics(best)[name] for name in KEPT},
        "infeasible": len(found.snapshot.infeasible),
        "values": [trial.value for trial in found.snapshot.finished],
        "hyperparameters": found.searched(best),
        "seconds": found.seconds,
    }


def table(runs: list[Run]) -> str:
    """Format the results as a Markdown table, one row per cell and loss."""
    network = ("cell", "loss", "depth", "units", "parameters")
    header = (*network, "best bits per parameter", "median of all", "trials", "steps", "minutes")
    rows = []
    for run in runs:
        bits = f"**{run['bits_per_parameter']:.2f}**", f"{statistics.median(run['values']):.2f}"
        effort = run["trials"], f"{run['steps']:,}", f"{run['seconds'] / 60:.1f}"
        rows.append((*(run[name] for name in network), *bits, *effort))
    return markdown_table(header, rows)


def draw(runs: list[Run], path: Path) -> None:
    """Draw every trial's bits per parameter by cell, the best one filled."""
    with figure(path, size=(max(7, 0.95 * len(runs)), 3.2)) as (axes,):
        for place, run in enumerate(runs):
            values = run["values"]
            best = max(values)
            spread = [place + 0.5 * (number / len(values) - 0.5) for number in range(len(values))]  # by trial number
            axes.plot(spread, values, "o", color="0.6", markersize=3)
            axes.plot(spread[values.index(best)], best, "o", color="tab:blue")
            axes.annotate(f"{best:.2f}", (place, best), xytext=(0, 5), textcoords="offset points", ha="center")
        labels = [CELLS[run["cell"]].label.replace(" (", "\n(") + PROTOCOLS[run["loss"]].label for run in runs]
        axes.set_xticks(range(len(runs)), labels)
        axes.set_ylabel("stored bits per parameter")
        axes.set_ylim(0, None)
        axes.margins(y=0.1)


def main() -> None:
    """Run the searches that the stored results lack, then print the table and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS), help="cells to search for")
    parser.add_argument(
        "--loss",
        default="generalized",
        choices=list(PROTOCOLS),
        help="training loss; warm_up is the generalized cross-entropy at higher learning rates after a warm-up, "
        "paper the cross-entropy with five unrolled steps",
    )
    parser.add_argument("--trials", type=int, default=96, help="trials of a cell")
    parser.add_argument("--population", type=int, default=32, help="trials that train together")
    parser.add_argument("--steps", type=int, default=32000, help="optimizer steps of a trial")
    arguments, options = parser.parse_known_args()
    sizes = {name: getattr(arguments, name) for name in ("trials", "population", "steps")}
    runs = measure_missing(
        arguments.out / "search_capacity.json",
        [{"cell": cell, "loss": arguments.loss, **sizes, "options": options} for cell in arguments.cells],
        measure,
        identity=("cell", "loss"),
        order=lambda run: (list(CELLS).index(run["cell"]), list(PROTOCOLS).index(run["loss"])),
    )
    print(table(runs))
    draw(runs, arguments.out / "search_capacity.png")


if __name__ == "__main__":
    main()
