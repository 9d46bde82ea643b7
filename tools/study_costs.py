"""Measures the seconds of an optimizer step of each planned study on this machine, to estimate the hours it needs.

    OMP_NUM_THREADS=1 python tools/study_costs.py --budget quick --out tools/results

For each task, cell and depth of a budget a few networks of the smallest study make some steps with random draws of its
hyperparameters; on a CPU the time is that of the processor, so that other programs do not count. What the results have
is not measured again. --largest measures the largest studies instead, --accelerator gpu a GPU.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import RESULTS, script_parser
from recording import ROOT, Run, load_results, markdown_table, measure_missing
from studies import StudyPlan, plan_studies
from study_budgets import BUDGETS

if TYPE_CHECKING:
    from rnn_capacity.studies import Snapshot

FILE = "study_costs.json"

NETWORKS = {"cpu": 8, "gpu": 64}
"""Number of networks that are trained together in a measurement, by accelerator."""

SECONDS = 1.0
"""Minimum duration of a measurement in seconds."""

FALLBACK = "random_mapping"
"""Name of the task whose measurements are used for tasks without measurements."""

IDENTITY = ("accelerator", "task", "cell", "depth", "work")


def identity(plan: StudyPlan, accelerator: str) -> Run:
    """Return the entries that identify a study's measurement: accelerator, task, cell, depth and work."""
    return {"accelerator": accelerator, **{name: getattr(plan, name) for name in IDENTITY[1:]}}


def select_plans(plans: Iterable[StudyPlan], largest: bool) -> list[StudyPlan]:
    """Return the cheapest plan, or if `largest` is set the costliest, of each task, cell and depth."""
    ordered = sorted((plan for plan in plans if plan.source is None), key=lambda plan: plan.work, reverse=not largest)
    return list({(plan.task, plan.cell, plan.depth): plan for plan in ordered}.values())


def make_trainer(plan: StudyPlan, accelerator: str) -> Callable[[int], None]:
    """Return a function that trains a few networks of a study together for a given number of optimizer steps."""
    from rnn_capacity.population import quiet_trainer, train
    from rnn_capacity.search.arguments import read_command_line
    from rnn_capacity.search.sampler import Sampler
    from rnn_capacity.search.study_grid import grid_specifications

    with tempfile.TemporaryDirectory() as folder:
        command = search_options(plan, ROOT / f"configs/{plan.task}.yaml", ROOT / f"tools/sweeps/{plan.sweep}.yaml")
        arguments = read_command_line([*command, f"--storage=sqlite:///{folder}/x.db"])
        (specification,) = grid_specifications(arguments)[0].values()
    space, builder = specification.space, specification.builder
    proposals = Sampler(space, "random", "maximize", seed=0)(NETWORKS[accelerator], [], [])
    values = [space.values(proposal.params) for proposal in proposals]

    def run(steps: int) -> None:
        train([builder({**one, "trainer.max_steps": steps}) for one in values], quiet_trainer(accelerator=accelerator))

    return run


def search_options(plan: StudyPlan, config: Path | str, sweep: Path | str) -> list[str]:
    """Return the options of a planned study's search command that affect its results."""
    return [f"--config={config}", f"--sweep={sweep}", *plan.options]


def seconds_per_step(run: Callable[[int], None], networks: int, clock: Callable[[], float]) -> float:
    """Measure the seconds of an optimizer step of one network, without set-up and evaluation.

    Args:
        run: Trains some networks for a number of steps.
        networks: Number of networks.
        clock: Returns seconds.
    """

    def taken(steps: int) -> float:
        start = clock()
        run(steps)
        return clock() - start

    run(2)
    fixed, steps = taken(2), 10
    while (seconds := taken(steps) - fixed) < SECONDS:
        steps *= min(8, max(2, math.ceil(1.2 * SECONDS / max(seconds, 0.01))))
    return seconds / (steps - 2) / networks


def predicted_seconds(plan: StudyPlan, runs: Sequence[Run], accelerator: str) -> float:
    """Estimate the seconds of a study's trial from the most similar measured network, scaled by the work of a step.

    Without a measurement of the task the random mapping's is taken, whose networks run in the same way on a GPU.

    Args:
        plan: The study.
        runs: The measurements.
        accelerator: Where it is to be run.

    Returns:
        Seconds of one network on one core or one GPU; NaN without a measurement.
    """

    def unlike(run: Run) -> tuple[bool, float, float]:
        by_depth, by_work = math.log(run["depth"] / plan.depth), math.log(run["work"] / plan.work)
        return run["cell"] != plan.cell, abs(by_depth), abs(by_work)

    there = [run for run in runs if run["accelerator"] == accelerator]
    known = [run for run in there if run["task"] == plan.task] or [run for run in there if run["task"] == FALLBACK]
    if not known:
        return math.nan
    nearest = min(known, key=unlike)
    return float(plan.effort.steps * nearest["seconds"] * plan.work / nearest["work"])


def worker_seconds(snapshot: Snapshot) -> float:
    """Return the worker seconds spent on a study's finished trials, counting time of trials trained together once."""
    from rnn_capacity.studies.trial import WORKER

    spans: dict[str, list[tuple[float, float]]] = {}
    for trial in snapshot.finished:
        if trial.datetime_start and trial.datetime_complete:
            span = (trial.datetime_start.timestamp(), trial.datetime_complete.timestamp())
            spans.setdefault(trial.user_attrs.get(WORKER, ""), []).append(span)
    total = 0.0
    for own in spans.values():
        reached = -math.inf
        for start, end in sorted(own):
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
    return total


def main() -> None:
    """Measure the studies that the stored results lack, then print a Markdown table."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument(
        "--budget", choices=list(BUDGETS), default="quick", help="the budget whose studies are measured"
    )
    parser.add_argument("--largest", action="store_true", help="measure the largest study of each kind")
    parser.add_argument("--accelerator", choices=list(NETWORKS), default="cpu", help="where the networks are trained")
    parser.add_argument("--tasks", nargs="*", help="tasks that are measured, all by default")
    arguments = parser.parse_args()
    plans = select_plans(plan_studies(BUDGETS[arguments.budget]), arguments.largest)
    by_identity = {
        tuple(identity(plan, arguments.accelerator).values()): plan
        for plan in plans
        if not arguments.tasks or plan.task in arguments.tasks
    }
    clock = time.process_time if arguments.accelerator == "cpu" else time.perf_counter

    def measure(wanted: Run) -> Run:
        run = make_trainer(by_identity[tuple(wanted.values())], arguments.accelerator)
        found = {"seconds": seconds_per_step(run, NETWORKS[arguments.accelerator], clock)}
        print(*wanted.values(), f"{1e3 * found['seconds']:.3f} ms", flush=True)
        return found

    wanted = [dict(zip(IDENTITY, key, strict=True)) for key in by_identity]
    runs = measure_missing(arguments.out / FILE, wanted, measure, identity=IDENTITY)
    header = ("accelerator", "task", "cell", "depth", "work of a step", "ms a step of a network")
    rows = [
        (*(run[name] for name in IDENTITY[:-1]), f"{run['work']:.2e}", f"{1e3 * run['seconds']:.3f}") for run in runs
    ]
    print(markdown_table(header, rows))


def known_costs(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Load the stored measurements of step times from study_costs.json."""
    runs: list[dict[str, Any]] = load_results(folder / FILE)["runs"]
    return runs


if __name__ == "__main__":
    main()
