"""Compares random search with Gaussian-process search: trials until a network stores 3 bits per parameter.

    python tools/search_methods.py --out tools/results

Two searches over configs/sweeps/capacity.yaml, the paper's whole table, for a recurrent network of about 700
parameters, from an empty storage each: one draws at random, the other is `bayes`. A trial makes 1,000 to 4,000
optimizer steps, so that both take minutes. The figure shows the best so far after each trial and the share of trials
that diverged.
"""

from __future__ import annotations

import tempfile
from itertools import accumulate, product
from pathlib import Path

import yaml
from measuring import script_parser
from recording import ROOT, Run, figure, measure_missing, search

METHODS = {"random": "0.5", "bayes": "tab:blue"}
"""Compared sweep methods, with their matplotlib colors."""

BITS = 3.0
"""Bits per parameter that a search should reach; the trials until then are counted."""


def measure(wanted: Run) -> Run:
    """Run one search and return its trials' values and feasibility, trials until `BITS`, best trial and importances."""
    from rnn_capacity.search import importances
    from rnn_capacity.studies import feasible

    sweep = yaml.safe_load((ROOT / "configs/sweeps/capacity.yaml").read_text(encoding="utf-8"))
    sweep["method"] = wanted["method"]
    sweep["parameters"]["trainer.max_steps"]["max"] = wanted["most_steps"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        file.write_text(yaml.safe_dump(sweep), encoding="utf-8")
        options = [f"--{name}={wanted[name]}" for name in ("trials", "population", "seed")]
        found = search(wanted["cell"], file, options)
    finished = found.snapshot.finished
    values = [trial.value or 0.0 for trial in finished]
    return {
        "values": values,
        "feasible": [bool(feasible(trial)) for trial in finished],
        "trials_until": next((number for number, value in enumerate(values, 1) if value >= BITS), None),
        "best": max(values),
        "hyperparameters": found.searched(found.snapshot.best(1)[0]),
        "importances": importances(finished, found.space, "maximize"),
        "seconds": found.seconds,
    }


def infeasible_share(run: Run) -> float:
    """Return the fraction of a search's trials that are infeasible, such as diverged ones."""
    return 1 - sum(run["feasible"]) / len(run["feasible"])


def draw(runs: list[Run], path: Path) -> None:
    """Draw the best value so far by trial and the percentage of infeasible trials, and write the figure to a file."""
    with figure(path, 2, (8.5, 3.2), width_ratios=[3, 1]) as axes:
        for run in runs:
            best = list(accumulate(run["values"], max))
            label = run["method"] if run["seed"] == 0 else None
            axes[0].step(range(1, len(best) + 1), best, where="post", color=METHODS[run["method"]], label=label)
        axes[0].axhline(BITS, color="0.8", linestyle=":")
        axes[0].set_xlabel("trials")
        axes[0].set_ylabel("best bits per parameter so far")
        axes[0].legend(frameon=False, loc="lower right")
        for place, (method, color) in enumerate(METHODS.items()):
            shares = [infeasible_share(run) for run in runs if run["method"] == method]
            axes[1].bar(place, 100 * sum(shares) / max(1, len(shares)), 0.6, color=color)
        axes[1].set_xticks(range(len(METHODS)), list(METHODS))
        axes[1].set_ylim(0, max(5.0, axes[1].get_ylim()[1]))
        axes[1].set_ylabel("infeasible trials, %")


def main() -> None:
    """Run the searches that the stored results lack, then print a line per search and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--cell", default="rnn", help="the cell")
    parser.add_argument("--trials", type=int, default=256, help="trials of a search")
    parser.add_argument("--population", type=int, default=32, help="trials that train together")
    parser.add_argument("--most-steps", type=int, default=4000, help="most optimizer steps of a trial")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="of the sampler, a search each")
    arguments = parser.parse_args()
    sizes = {name: getattr(arguments, name) for name in ("cell", "trials", "population", "most_steps")}
    runs = measure_missing(
        arguments.out / "search_methods.json",
        [{"method": method, "seed": seed, **sizes} for seed, method in product(arguments.seeds, METHODS)],
        measure,
        identity=("method", "seed"),
    )
    for run in runs:
        print(
            f"{run['method']}, seed {run['seed']}: {BITS:g} bits per parameter after {run['trials_until']} of "
            f"{len(run['values'])} trials, best {run['best']:.2f}, {infeasible_share(run):.1%} infeasible, "
            f"{run['seconds']} s"
        )
    draw(runs, arguments.out / "search_methods.png")


if __name__ == "__main__":
    main()
