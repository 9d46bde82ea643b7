"""How many trials until 3 bits per parameter, at random and by the Gaussian process: a figure and its numbers.

    python tools/search_methods.py --out tools/results

Two searches over configs/sweeps/capacity.yaml, the paper's whole table, for a recurrent network of about 700
parameters, from an empty storage each: one draws at random, the other is `bayes`. A trial makes 1,000 to 4,000
optimizer steps, so that both take minutes. The figure shows the best so far after each trial and the share of trials
that diverged.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
import yaml
from machine import machine

from rnn_capacity.search import importances
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import Study, feasible

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
BITS = 3.0
"""Bits per parameter that are waited for."""


def search(method: str, cell: str, trials: int, population: int, most: int, seed: int) -> dict[str, Any]:
    """Search by one method and return every trial's value in the trials' order."""
    with tempfile.TemporaryDirectory() as folder:
        sweep = yaml.safe_load((ROOT / "configs/sweeps/capacity.yaml").read_text(encoding="utf-8"))
        sweep["method"] = method
        sweep["parameters"]["trainer.max_steps"]["max"] = most
        file = Path(folder) / "sweep.yaml"
        file.write_text(yaml.safe_dump(sweep), encoding="utf-8")
        storage = f"sqlite:///{folder}/study.db"
        command = [
            sys.executable,
            "-m",
            "rnn_capacity",
            "search",
            "--config",
            str(ROOT / "configs/random_mapping.yaml"),
        ]
        command += ["--sweep", str(file), f"--trials={trials}", f"--population={population}", f"--storage={storage}"]
        command += [f"--model.cell={cell}", f"--study={method}", f"--seed={seed}"]
        command += [f"--trainer.default_root_dir={folder}"]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
        study = Study.open(storage, method)
        one = StudyRunner(study, StudySpecification.from_json(study.specification), trials)
        snapshot = study.snapshot()
        finished = snapshot.finished
        values = [trial.value or 0.0 for trial in finished]
        best = list(accumulate(values, max))
        return {
            "method": method,
            "cell": cell,
            "seed": seed,
            "population": population,
            "most_steps": most,
            "values": values,
            "feasible": [bool(feasible(trial)) for trial in finished],
            "trials_until": next((number for number, value in enumerate(best, 1) if value >= BITS), None),
            "best": best[-1],
            "hyperparameters": one.values(snapshot.best(1)[0]),
            "importances": importances(finished, one.specification.space, one.objective.goal),
            "seconds": round(seconds),
            "machine": machine(),
        }


def figure(results: list[dict[str, Any]], path: Path) -> None:
    """The best so far by trial, beside the share that diverged."""
    axes: Any
    picture, axes = plt.subplots(1, 2, figsize=(8.5, 3.2), layout="constrained", gridspec_kw={"width_ratios": [3, 1]})
    colors = {"random": "0.5", "bayes": "tab:blue"}
    for run in results:
        best = list(accumulate(run["values"], max))
        label = run["method"] if run["seed"] == 0 else None
        axes[0].step(range(1, len(best) + 1), best, where="post", color=colors[run["method"]], label=label)
    axes[0].axhline(BITS, color="0.8", linestyle=":")
    axes[0].set_xlabel("trials")
    axes[0].set_ylabel("best bits per parameter so far")
    axes[0].legend(frameon=False, loc="lower right")
    for place, method in enumerate(colors):
        shares = [1 - sum(run["feasible"]) / len(run["feasible"]) for run in results if run["method"] == method]
        axes[1].bar(place, 100 * sum(shares) / max(1, len(shares)), 0.6, color=colors[method])
    axes[1].set_xticks(range(len(colors)), list(colors))
    axes[1].set_ylim(0, max(5.0, axes[1].get_ylim()[1]))
    axes[1].set_ylabel("infeasible trials, %")
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    picture.savefig(path, dpi=150)


def main() -> None:
    """Search where nothing is known yet, then print what came out and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tools/results", help="folder of the results")
    parser.add_argument("--cell", default="rnn", help="the cell")
    parser.add_argument("--trials", type=int, default=256, help="trials of a search")
    parser.add_argument("--population", type=int, default=32, help="trials that train together")
    parser.add_argument("--most-steps", type=int, default=4000, help="most optimizer steps of a trial")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="of the tuner, a search each")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "search_methods.json"
    results: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    for seed in arguments.seeds:
        for method in ("random", "bayes"):
            sizes = (arguments.trials, arguments.population, arguments.most_steps)
            known = [run for run in results if (run["method"], run["seed"]) == (method, seed)]
            if any((len(run["values"]), run["population"], run["most_steps"]) == sizes for run in known):
                continue
            results = [run for run in results if run not in known]
            results.append(search(method, arguments.cell, *sizes, seed))
            path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for run in results:
        share = 1 - sum(run["feasible"]) / len(run["feasible"])
        print(
            f"{run['method']}, seed {run['seed']}: {BITS:g} bits per parameter after {run['trials_until']} of "
            f"{len(run['values'])} trials, best {run['best']:.2f}, {share:.1%} infeasible, {run['seconds']} s"
        )
    figure(results, arguments.out / "search_methods.png")


if __name__ == "__main__":
    main()
