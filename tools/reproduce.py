"""Run the studies behind the paper's figures and tables with `rnn-capacity search`, and print what remains.

    OMP_NUM_THREADS=1 python tools/reproduce.py --budget quick --storage sqlite:///reproduction.db

A study that has its trials is skipped, and one that was begun goes on. Start the command once for each core, or on
several machines with one PostgreSQL storage: the processes divide the studies, then the trials. --dry-run prints the
search command of each study and what remains in hours of one core or one GPU (from the trials that are finished, or
from tools/results/study_costs.json), and runs nothing. Options that this script does not know go to each search.
"""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from measuring import script_parser
from recording import ROOT, Run, markdown_table
from studies import StudyPlan, plan_studies
from study_budgets import BUDGETS
from study_costs import known_costs, predicted_seconds, search_options, worker_seconds

CLUSTER = 64
"""GPUs of the cluster whose hours are printed."""


@dataclass
class Status:
    """What the storage has of a study, and what remains."""

    plan: StudyPlan
    """The plan."""

    finished: int = 0
    """Finished trials."""

    begun: int = 0
    """Trials that are finished or run."""

    spent: float = 0.0
    """Seconds of workers for the finished trials."""

    @property
    def missing(self) -> int:
        """Trials that are yet to be finished."""
        return max(0, self.plan.effort.trials - self.finished)

    @property
    def share(self) -> float:
        """The share of the trials that are finished or run."""
        return min(1.0, self.begun / self.plan.effort.trials)


class Reproduction:
    """The studies of a budget in a storage.

    Args:
        budget: Name of the budget.
        storage: URL of the storage.
        root: Folder of all results.
        plans: The studies.
        options: More options of each search.
    """

    def __init__(
        self, budget: str, storage: str, root: Path, plans: Sequence[StudyPlan], options: Sequence[str] = ()
    ) -> None:
        self.budget = budget
        self.storage = storage
        self.root = root
        self.statuses = {plan.name: Status(plan) for plan in plans}
        self.options = list(options)
        self.costs: list[Run] = known_costs()
        self.opened: dict[str, Any] = {}
        self.failed: set[str] = set()

    def refresh(self) -> None:
        """Read from the storage what is done of each study that is not known to be complete."""
        from rnn_capacity.studies import Study, study_names

        try:
            names = set(study_names(self.storage))
        except ValueError:  # there is no storage yet; a search makes it, or says what is wrong with it
            return
        for name, status in self.statuses.items():
            full = f"{self.budget}/{name}"
            if full not in names or not status.missing:
                continue
            if full not in self.opened:
                self.opened[full] = Study.open(self.storage, full)
            snapshot = self.opened[full].snapshot()
            status.finished, status.begun = len(snapshot.finished), len(snapshot.finished) + len(snapshot.running)
            status.spent = worker_seconds(snapshot)

    def hours(self, accelerator: str = "cpu") -> dict[str, float]:
        """Estimate the hours that remain of each study, of one core or one GPU; NaN where nothing is known.

        A study's own finished trials are the measure; for others the predictions are scaled by what the finished
        trials of their panel took.
        """
        predicted = {
            name: predicted_seconds(one.plan, self.costs, accelerator) for name, one in self.statuses.items()
        }
        if accelerator != "cpu":
            return {name: one.missing * predicted[name] / 3600 for name, one in self.statuses.items()}
        spent: dict[str, float] = {}
        expected: dict[str, float] = {}
        for name, one in self.statuses.items():
            if one.spent > 0 and not math.isnan(predicted[name]):
                spent[one.plan.panel] = spent.get(one.plan.panel, 0.0) + one.spent
                expected[one.plan.panel] = expected.get(one.plan.panel, 0.0) + one.finished * predicted[name]
        found = {}
        for name, one in self.statuses.items():
            seconds = predicted[name] * spent.get(one.plan.panel, 1.0) / expected.get(one.plan.panel, 1.0)
            found[name] = one.missing * (one.spent / one.finished if one.spent > 0 else seconds) / 3600
        return found

    def ready(self, status: Status) -> bool:
        """Return whether a study can be run: its source, if it has one, is complete."""
        source = status.plan.source
        return source is None or not self.statuses[source].missing

    def next_study(self) -> Status | None:
        """Choose the study to run: the least done first, of these the cheapest; None if all are complete or failed."""
        hours = self.hours()
        left = [
            one
            for name, one in self.statuses.items()
            if one.missing and name not in self.failed and self.ready(one)
        ]
        return min(left, key=lambda one: (one.share, hours[one.plan.name]), default=None)

    def command(self, plan: StudyPlan) -> list[str]:
        """Write the search command of a study, without the program."""
        config, sweep = ROOT / f"configs/{plan.task}.yaml", ROOT / f"tools/sweeps/{plan.sweep}.yaml"
        if plan.source is not None:
            config = self.root / "studies" / self.budget / plan.source / "best.yaml"
        if plan.around:
            sweep = self.root / "studies" / self.budget / plan.name / "sweep.yaml"
        options = search_options(plan, os.path.relpath(config), os.path.relpath(sweep))
        if plan.source is not None and f"{self.budget}/{plan.name}" in self.opened:
            options = ["--resume"]  # the source's best setting may be another one by now
        return [
            "search",
            *options,
            f"--trials={plan.effort.trials}",
            f"--population={plan.population}",
            f"--study={self.budget}/{plan.name}",
            f"--storage={self.storage}",
            f"--trainer.default_root_dir={self.root}",
            *self.options,
        ]

    def prepare(self, plan: StudyPlan) -> None:
        """Write the files that a study with a source needs: the source's best config, and the sweep around it.

        Raises:
            ValueError: If no trial of the source was feasible.
        """
        if plan.source is None:
            return
        from rnn_capacity.search.results.summary import write_best_config
        from rnn_capacity.search.run.study_runner import StudyRunner
        from rnn_capacity.search.specification import StudySpecification

        study = self.opened[f"{self.budget}/{plan.source}"]
        specification = StudySpecification.from_json(study.specification)
        runner = StudyRunner(study, specification, self.statuses[plan.source].plan.effort.trials)
        if write_best_config(runner, self.root) is None:
            raise ValueError(f"{plan.source} must have a feasible trial, got none")
        if plan.around:
            best = runner.values(runner.snapshot.best(1)[0])
            path = self.root / "studies" / self.budget / plan.name / "sweep.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(sweep_around(best, plan, specification.sweep.file["metric"])))

    def run(self) -> int:
        """Run studies until all are complete.

        Returns:
            The number of studies that failed.

        Raises:
            SystemExit: If a signal ends a search, with its code.
        """
        from rnn_capacity.cli import main as rnn_capacity

        self.refresh()
        while (status := self.next_study()) is not None:
            plan = status.plan
            try:
                self.prepare(plan)
                command = self.command(plan)
                print(f"{self.remains()}\n{shlex.join(['rnn-capacity', *command])}", flush=True)
                rnn_capacity(command)
            except ValueError as error:
                print(f"{plan.name}: {error}", file=sys.stderr)
                self.failed.add(plan.name)
            except SystemExit as stop:
                if stop.code not in (1, 2):
                    raise
                self.failed.add(plan.name)
            self.refresh()
        print(self.remains())
        return len(self.failed)

    def remains(self) -> str:
        """Write in one line what remains."""
        ended = sum(not one.missing for one in self.statuses.values())
        missing = sum(one.missing for one in self.statuses.values())
        hours = sum(self.hours().values())
        return f"{ended} of {len(self.statuses)} studies are complete; {missing:,} trials, {hours:.2f} core hours remain"

    def table(self) -> str:
        """Write a table of what remains of each panel."""
        kinds = sorted({run["accelerator"] for run in self.costs})
        names = {"cpu": "core hours", "gpu": "GPU hours"}
        hours = {kind: self.hours(kind) for kind in kinds}
        rows: list[tuple[object, ...]] = []
        panels: dict[str, list[Status]] = {"all": list(self.statuses.values())}
        for one in self.statuses.values():
            panels.setdefault(one.plan.panel, []).append(one)
        for panel, own in [*list(panels.items())[1:], ("all", panels["all"])]:
            trials = sum(one.plan.effort.trials for one in own)
            left = [sum(hours[kind][one.plan.name] for one in own) for kind in kinds]
            counts = (sum(not one.missing for one in own), len(own), trials - sum(one.missing for one in own), trials)
            rows.append((panel, *(f"{count:,}" for count in counts), *(f"{value:,.2f}" for value in left)))
        header = ("panel", "complete", "studies", "finished", "trials", *(f"{names[kind]} left" for kind in kinds))
        text = markdown_table(header, rows)
        if "gpu" in kinds:
            text += f"\nOn a cluster of {CLUSTER} GPUs: {sum(hours['gpu'].values()) / CLUSTER:,.1f} hours."
        return text


def sweep_around(best: dict[str, Any], plan: StudyPlan, metric: dict[str, Any]) -> dict[str, Any]:
    """Make a random sweep around a setting: the seed, and the hyperparameters that the plan searches again.

    Args:
        best: The setting's hyperparameters.
        plan: The plan, with the factors of the lower and the upper end.
        metric: The sweep's metric.
    """
    ranges = {name: {"min": best[name] * low, "max": best[name] * high} for name, (low, high) in plan.around.items()}
    seed = {"distribution": "int_uniform", "min": 0, "max": 9999}
    return {"method": "random", "metric": metric, "parameters": {**ranges, "model.init_args.seed": seed}}


def main() -> None:
    """Run the studies of a budget, or print their commands."""
    parser = script_parser(__doc__)
    parser.add_argument("--budget", choices=list(BUDGETS), required=True, help="what is spent")
    parser.add_argument("--storage", default="sqlite:///reproduction.db", help="URL of the storage of all studies")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of the best settings")
    parser.add_argument("--text", help="a text file for Fig. 3, beside the synthetic language")
    parser.add_argument("--panel", nargs="*", help="panels that are run, all by default")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and what remains")
    arguments, options = parser.parse_known_args()
    plans = plan_studies(BUDGETS[arguments.budget], arguments.text)
    panels = list(dict.fromkeys(plan.panel for plan in plans))
    if unknown := set(arguments.panel or ()) - set(panels):
        parser.error(f"panel must be one of {', '.join(panels)}; got {', '.join(sorted(unknown))}")
    kept = {plan.source for plan in plans if plan.panel in (arguments.panel or panels)}
    plans = [plan for plan in plans if plan.panel in (arguments.panel or panels) or plan.name in kept]
    reproduction = Reproduction(arguments.budget, arguments.storage, arguments.root, plans, options)
    reproduction.refresh()
    if arguments.dry_run:
        for plan in plans:
            print(shlex.join(["rnn-capacity", *reproduction.command(plan)]))
    print(reproduction.table(), flush=True)
    if not arguments.dry_run and reproduction.run():
        sys.exit(f"failed: {', '.join(sorted(reproduction.failed))}")


if __name__ == "__main__":
    main()
