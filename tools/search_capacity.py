"""The most that each cell stored in a quarter of an hour's search: the table and the figure of the README.

    python tools/search_capacity.py --out tools/results

Runs `rnn-capacity search` with configs/sweeps/capacity_narrow.yaml for six cells of about 700 parameters (depth 1; the
+RNN depth 2), from an empty storage each, one after another: two batches of trials that train together. A cell that is
already in the results, with as many trials, steps and members at once, is not searched again. Options that the tool
does not know go to the command.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from machine import machine

from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import Study, metrics

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
CELLS = {"rnn": 1, "ugrnn": 1, "gru": 1, "lstm": 1, "intersection": 2, "irnn": 1}
"""Cells in the paper's order of capacity, each with its depth."""


def search(cell: str, trials: int, population: int, steps: int, options: list[str]) -> dict[str, Any]:
    """Search for one cell and return what was found."""
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/capacity.db"
        command = [
            sys.executable,
            "-m",
            "rnn_capacity",
            "search",
            "--config",
            str(ROOT / "configs/random_mapping.yaml"),
        ]
        command += ["--sweep", str(ROOT / "configs/sweeps/capacity_narrow.yaml"), f"--trials={trials}"]
        command += [f"--population={population}", f"--storage={storage}", f"--study={cell}"]
        command += [f"--model.cell={cell}", f"--model.depth={CELLS[cell]}", f"--trainer.max_steps={steps}"]
        command += [f"--trainer.default_root_dir={folder}", *options]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
        study = Study.open(storage, cell)
        one = StudyRunner(study, StudySpecification.from_json(study.specification), trials)
        snapshot = study.snapshot()
        best = snapshot.best(1)[0]
        figures = metrics(best)
        return {
            "cell": cell,
            "depth": CELLS[cell],
            "bits_per_parameter": best.value,
            **{name: figures[name] for name in ("parameters", "units", "samples", "accuracy", "steps")},
            "likelihood_bits_per_parameter": figures["likelihood_bits_per_parameter"],
            "trials": len(snapshot.finished),
            "population": population,
            "infeasible": len(snapshot.infeasible),
            "values": [trial.value for trial in snapshot.finished],
            "hyperparameters": one.values(best),
            "seconds": round(seconds),
            "machine": machine(),
        }


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| cell | depth | units | parameters | best bits per parameter | median of all | trials | steps | minutes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in results:
        middle = sorted(run["values"])[len(run["values"]) // 2]
        size = f"{run['depth']} | {run['units']} | {run['parameters']}"
        figures = f"**{run['bits_per_parameter']:.2f}** | {middle:.2f} | {run['trials']}"
        figures += f" | {run['steps']:,} | {run['seconds'] / 60:.1f}"
        lines.append(f"| {run['cell']} | {size} | {figures} |")
    return "\n".join(lines)


def figure(results: list[dict[str, Any]], path: Path) -> None:
    """Every trial's bits per parameter by cell, the best one filled."""
    axes: Any
    picture, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for place, run in enumerate(results):
        values = run["values"]
        spread = [place + 0.5 * (number / len(values) - 0.5) for number in range(len(values))]  # by the trial's number
        axes.plot(spread, values, "o", color="0.6", markersize=3)
        axes.plot(spread[values.index(max(values))], max(values), "o", color="tab:blue")
        axes.annotate(
            f"{max(values):.2f}", (place, max(values)), xytext=(0, 5), textcoords="offset points", ha="center"
        )
    names = ["+RNN (2 layers)" if run["cell"] == "intersection" else run["cell"].upper() for run in results]
    axes.set_xticks(range(len(results)), names)
    axes.set_ylabel("stored bits per parameter")
    axes.set_ylim(0, 4.6)
    axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(path, dpi=150)


def main() -> None:
    """Search where nothing is known yet, then print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tools/results", help="folder of the results")
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS), help="cells to search for")
    parser.add_argument("--trials", type=int, default=64, help="trials of a cell")
    parser.add_argument("--population", type=int, default=32, help="trials that train together")
    parser.add_argument("--steps", type=int, default=24000, help="optimizer steps of a trial")
    arguments, options = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "search_capacity.json"
    results: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    for cell in arguments.cells:
        known = [run for run in results if run["cell"] == cell]
        sizes = (arguments.trials, arguments.population, arguments.steps)
        if any((run["trials"], run["population"], run["steps"]) == sizes for run in known):
            continue
        results = [run for run in results if run["cell"] != cell]
        results.append(search(cell, arguments.trials, arguments.population, arguments.steps, options))
        results.sort(key=lambda run: list(CELLS).index(run["cell"]))
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))
    figure(results, arguments.out / "search_capacity.png")


if __name__ == "__main__":
    main()
