"""Run the studies behind the paper's figures and tables with `rnn-capacity search`, and print what remains.

    OMP_NUM_THREADS=1 python tools/reproduce.py --budget quick --storage sqlite:///reproduction.db

A study that has its trials is skipped, and one that was begun goes on. Start the command once for each core, or on
several machines with one PostgreSQL storage: the processes divide the studies, then the trials. --dry-run prints the
search command of each study and what remains in hours of one core or one GPU (from the trials that are finished, or
from tools/results/study_costs.json), and runs nothing. Options that this script does not know go to each search.
"""

from __future__ import annotations

import os
import random
import shlex
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from measuring import script_parser
from recording import ROOT
from studies import StudyPlan, plan_studies
from study_budgets import BUDGETS
from study_costs import known_costs, search_options, worker_seconds
from study_status import Status, remaining_hours, remaining_line, remaining_table

CANDIDATES = 8
"""Maximum number of candidate studies among which a process draws the next one at random."""


class Reproduction:
    """Runs the planned studies of a reproduction budget in a shared storage until all are complete.

    Args:
        budget: Name of the budget, with which the studies' names begin.
        storage: URL of the storage.
        root: Folder of the best settings.
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
        self.costs = known_costs()
        self.opened: dict[str, Any] = {}
        self.failed: set[str] = set()

    def refresh(self) -> None:
        """Update the trial counts of all incomplete studies by reading the storage."""
        from rnn_capacity.studies import Study, study_names

        try:
            names = set(study_names(self.storage))
        except ValueError:  # there is no storage yet; a search makes it, or says what is wrong with it
            return
        for name, status in self.statuses.items():
            full = f"{self.budget}/{name}"
            if full in names and status.missing:
                if name not in self.opened:
                    self.opened[name] = Study.open(self.storage, full)
                snapshot = self.opened[name].snapshot()
                status.finished, status.begun = len(snapshot.finished), len(snapshot.finished) + len(snapshot.running)
                status.spent = worker_seconds(snapshot)

    def next_study(self) -> StudyPlan | None:
        """Return the next study to run, drawn from the cheapest of the least complete ones, or None if none is left.

        By chance, so that processes take different ones. A study with a source waits until the source is complete.
        """
        hours = remaining_hours(self.statuses.values(), self.costs)
        left = [
            one
            for name, one in self.statuses.items()
            if one.missing
            and name not in self.failed
            and (one.plan.source is None or not self.statuses[one.plan.source].missing)
        ]
        if not left:
            return None
        least = min(one.share for one in left)
        cheap = sorted((one for one in left if one.share == least), key=lambda one: hours[one.plan.name])
        return random.choice(cheap[:CANDIDATES]).plan

    def folder(self, name: str) -> Path:
        """Return the folder in which a search writes the best setting of a study."""
        return self.root / "studies" / self.budget / name

    def command(self, plan: StudyPlan) -> list[str]:
        """Return the arguments of `rnn-capacity` that run or resume the search of a study."""
        config = ROOT / f"configs/{plan.task}.yaml" if plan.source is None else self.folder(plan.source) / "best.yaml"
        sweep = self.folder(plan.name) / "sweep.yaml" if plan.around else ROOT / f"tools/sweeps/{plan.sweep}.yaml"
        options = search_options(plan, os.path.relpath(config), os.path.relpath(sweep))
        if plan.source is not None and plan.name in self.opened:
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
        """Write the config and sweep file of a study that starts from the best trial of another study, its source.

        Raises:
            ValueError: If no trial of the source was feasible.
        """
        if plan.source is None:
            return
        from rnn_capacity.search.results.summary import write_best_config
        from rnn_capacity.search.run.study_runner import StudyRunner
        from rnn_capacity.search.specification import StudySpecification

        source = self.opened[plan.source]
        specification = StudySpecification.from_json(source.specification)
        runner = StudyRunner(source, specification, self.statuses[plan.source].plan.effort.trials)
        if write_best_config(runner, self.root) is None:
            raise ValueError(f"{plan.source} must have a feasible trial, got none")
        if plan.around:
            best = runner.values(runner.snapshot.best(1)[0])
            self.folder(plan.name).mkdir(parents=True, exist_ok=True)
            content = yaml.safe_dump(sweep_around(best, plan, specification.sweep.file["metric"]))
            (self.folder(plan.name) / "sweep.yaml").write_text(content, encoding="utf-8")

    def run(self) -> None:
        """Run studies until all are complete, or failed.

        Raises:
            SystemExit: If a signal ends a search, with its code.
        """
        from rnn_capacity.cli import main as rnn_capacity

        self.refresh()
        while (plan := self.next_study()) is not None:
            try:
                self.prepare(plan)
                command = self.command(plan)
                print(f"{self.remaining()}\n{shlex.join(['rnn-capacity', *command])}", flush=True)
                rnn_capacity(command)
            except ValueError as error:
                print(f"{plan.name}: {error}", file=sys.stderr)
                self.failed.add(plan.name)
            except SystemExit as stop:
                if stop.code not in (1, 2):
                    raise
                self.failed.add(plan.name)
            self.refresh()
        print(self.remaining())

    def remaining(self) -> str:
        """Return a line with the numbers of complete studies, missing trials and estimated core hours."""
        return remaining_line(list(self.statuses.values()), self.costs)


def sweep_around(best: dict[str, Any], plan: StudyPlan, metric: dict[str, Any]) -> dict[str, Any]:
    """Make a random-search sweep over seeds and over ranges around the best values of a plan's hyperparameters.

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
    parser.add_argument("--studies", nargs="*", default=["*"], help="patterns of names, such as 'capacity-*/rnn-*-700'")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and what remains")
    arguments, options = parser.parse_known_args()
    plans = plan_studies(BUDGETS[arguments.budget], arguments.text)
    names = {plan.name for plan in plans if any(fnmatchcase(plan.name, pattern) for pattern in arguments.studies)}
    if not names:
        parser.error(f"studies must match a study's name, got {' '.join(arguments.studies)}")
    for plan in reversed(plans):  # a source stands before the studies that start from it
        if plan.name in names and plan.source is not None:
            names.add(plan.source)
    plans = [plan for plan in plans if plan.name in names]
    reproduction = Reproduction(arguments.budget, arguments.storage, arguments.root, plans, options)
    reproduction.refresh()
    if arguments.dry_run:
        for plan in plans:
            print(shlex.join(["rnn-capacity", *reproduction.command(plan)]))
    print(remaining_table(list(reproduction.statuses.values()), reproduction.costs), flush=True)
    if not arguments.dry_run:
        reproduction.run()
        if reproduction.failed:
            sys.exit(f"failed: {', '.join(sorted(reproduction.failed))}")


if __name__ == "__main__":
    main()
