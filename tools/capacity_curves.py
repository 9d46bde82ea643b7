"""Measures how bits per parameter depend on training steps and on trials: a table and a figure of the docs.

    OMP_NUM_THREADS=1 python tools/capacity_curves.py --storage sqlite:///reproduction.db

Trains the best trial of each capacity study again with other numbers of optimizer steps and with several seeds, by
`rnn-capacity search`; the learning rate falls to zero in each run. The table says what a power law, fitted to the
medians, converges to. The same for trials needs no training: the best of n of the study's trials, on average over all
ways to choose them. A point that is already in the results is not measured again.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import CELLS, script_parser
from recording import ROOT, Run, figure, load_results, markdown_table, measure_missing, save_results
from scipy.optimize import curve_fit
from scipy.special import comb

STEPS = (1000, 2000, 4000, 8000, 16_000, 32_000, 64_000)
"""Numbers of optimizer steps at which networks are trained."""


class PowerLaw(NamedTuple):
    """A fit of bits(steps) = limit - scale * steps ** -exponent."""

    limit: float
    """Bits per parameter after infinitely many steps."""

    error: float
    """Standard error of the limit; infinite if the points do not determine it."""

    exponent: float
    """Exponent of the number of steps."""


def fit_power_law(steps: Sequence[float], bits: Sequence[float]) -> PowerLaw:
    """Fit a power law to the bits per parameter at four or more numbers of steps, by least squares.

    Example:
        >>> law = fit_power_law([1000, 2000, 4000, 8000], [3.0, 3.5, 3.75, 3.875])
        >>> round(law.limit, 2), round(law.exponent, 2)
        (4.0, 1.0)
    """
    x = np.asarray(steps) / steps[0]

    def law(x: Any, limit: float, scale: float, exponent: float) -> Any:
        return limit - scale * x**-exponent

    start = (max(bits), max(max(bits) - bits[0], 0.01), 0.7)
    (limit, _, exponent), covariance = curve_fit(law, x, bits, start, bounds=([0, 0, 0.05], [10, 10, 5]))
    return PowerLaw(float(limit), float(np.sqrt(covariance[0, 0])), float(exponent))


def expected_best(values: Sequence[float]) -> list[float]:
    """Return the expected best of n of the values, drawn without replacement, for n from 1 to their number.

    Example:
        >>> [round(best, 2) for best in expected_best([1.0, 2.0, 3.0])]
        [2.0, 2.67, 3.0]
    """
    ordered, count = np.sort(values), len(values)
    rank = np.arange(count)  # the number of smaller values
    return [float(comb(rank, drawn - 1) @ ordered / comb(count, drawn)) for drawn in range(1, count + 1)]


def best_config(storage: str, study: str, root: Path) -> Path:
    """Write the config of a study's best trial to a folder and return the file.

    Raises:
        ValueError: If no trial of the study was feasible.
    """
    from rnn_capacity.search.results.summary import write_best_config
    from rnn_capacity.search.run.study_runner import StudyRunner
    from rnn_capacity.search.specification import StudySpecification
    from rnn_capacity.studies import Study

    opened = Study.open(storage, study)
    runner = StudyRunner(opened, StudySpecification.from_json(opened.specification), 1)
    path = write_best_config(runner, root)
    if path is None:
        raise ValueError(f"{study} must have a feasible trial, got none")
    return path


def measure(storage: str, wanted: Run) -> Run:
    """Train a study's best trial with one number of steps and several seeds, and return the bits of each."""
    from rnn_capacity.cli import main as rnn_capacity
    from rnn_capacity.studies import Study

    with tempfile.TemporaryDirectory() as folder:
        path = best_config(storage, wanted["study"], Path(folder))
        options = [f"--config={path}", f"--sweep={ROOT / 'tools/sweeps/seeds.yaml'}", "--study=repeated"]
        options += [
            f"--trials={wanted['seeds']}",
            f"--population={wanted['seeds']}",
            f"--storage=sqlite:///{folder}/s.db",
        ]
        options += [f"--trainer.max_steps={wanted['steps']}", f"--trainer.default_root_dir={folder}"]
        rnn_capacity(["search", *options])
        trials = Study.open(f"sqlite:///{folder}/s.db", "repeated").snapshot().finished
        return {"values": sorted(trial.value for trial in trials)}


def network_name(study: str) -> str:
    """Return the name of the network of a study such as night/capacity-best/rnn-1-300 in tables: RNN, 300."""
    cell, _, size = study.rpartition("/")[2].split("-")
    return f"{CELLS[cell].label}, {int(size):,}"


def by_study(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group the measured points by study, the smaller networks of a cell first, in the order of their steps."""

    def cell_and_size(study: str) -> tuple[str, int]:
        cell, _, size = study.rpartition("-")
        return cell, int(size)

    studies = sorted({run["study"] for run in runs}, key=cell_and_size)
    return {study: [run for run in runs if run["study"] == study] for study in studies}


def summarise(runs: Sequence[Run]) -> list[Run]:
    """Return for each study the median bits by steps, and the limit of the power law fitted to them."""
    rows = []
    for study, own in by_study(runs).items():
        steps, bits = [run["steps"] for run in own], [statistics.median(run["values"]) for run in own]
        law = fit_power_law(steps, bits) if len(own) > 3 else PowerLaw(float("nan"), float("inf"), float("nan"))
        rows.append({"network": network_name(study), "steps": steps, "medians": bits, **law._asdict()})
    return rows


def table(rows: Sequence[Run]) -> str:
    """Format the medians by steps and the limits as a Markdown table, one row per network."""
    columns = sorted({steps for row in rows for steps in row["steps"]})
    lines = []
    for row in rows:
        medians = dict(zip(row["steps"], row["medians"], strict=True))
        cells = [f"{medians[steps]:.2f}" if steps in medians else "" for steps in columns]
        lines.append((row["network"], *cells, f"{row['limit']:.2f} ± {row['error']:.2f}"))
    return markdown_table(("network", *(f"{steps:,}" for steps in columns), "limit"), lines)


def draw(runs: Sequence[Run], trials: dict[str, list[float]], path: Path) -> None:
    """Draw bits per parameter against steps, with the range of the seeds, and against trials."""
    with figure(path, 2, (9, 3.4), sharey=True) as (left, right):
        for number, (study, own) in enumerate(by_study(runs).items()):
            color, steps = f"C{number % 10}", [run["steps"] for run in own]
            left.plot(steps, [statistics.median(run["values"]) for run in own], "o-", color=color, markersize=3)
            ends = [run["values"][0] for run in own], [run["values"][-1] for run in own]
            left.fill_between(steps, *ends, color=color, alpha=0.2, linewidth=0)
            best = expected_best(trials[study])
            right.plot(range(1, len(best) + 1), best, color=color, label=network_name(study))
        left.set_xlabel("training steps of the best trial (median and range of seeds)")
        right.set_xlabel("trials (expected best)")
        left.set_ylabel("bits per parameter")
        for axes in (left, right):
            axes.set_xscale("log")
        right.legend(frameon=False, fontsize=8)


def main() -> None:
    """Measure the points that the results lack, then print the table and draw the figure."""
    from rnn_capacity.studies import Study

    parser = script_parser(__doc__, out=True)
    parser.add_argument("--storage", default="sqlite:///reproduction.db", help="URL of the storage of the studies")
    parser.add_argument("--panel", default="night/capacity-best", help="beginning of the studies' names")
    parser.add_argument(
        "--networks",
        nargs="*",
        default=["gru-1-300", "rnn-1-300", "rnn-1-700", "rnn-1-2000"],
        help="rest of the studies' names",
    )
    parser.add_argument("--steps", nargs="*", type=int, default=STEPS, help="numbers of optimizer steps")
    parser.add_argument("--seeds", type=int, default=4, help="seeds of each number of steps")
    arguments = parser.parse_args()
    path = arguments.out / "capacity_curves.json"
    studies = [f"{arguments.panel}/{network}" for network in arguments.networks]
    runs = measure_missing(
        path,
        [
            {"study": study, "steps": steps, "seeds": arguments.seeds}
            for study, steps in product(studies, arguments.steps)
        ],
        lambda wanted: measure(arguments.storage, wanted),
        identity=("study", "steps"),
        order=lambda run: (run["study"], run["steps"]),
    )
    results = load_results(path)
    trials = results.get("trials", {})
    trials |= {
        study: [trial.value for trial in Study.open(arguments.storage, study).snapshot().finished] for study in studies
    }
    rows = summarise(runs)
    save_results(path, {**results, "trials": trials, "limits": rows})
    print(table(rows))
    draw(runs, trials, arguments.out / "capacity_curves.png")


if __name__ == "__main__":
    main()
