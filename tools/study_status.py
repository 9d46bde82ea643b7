"""Reports the progress of the planned studies and estimates the remaining hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recording import Run, markdown_table
from studies import StudyPlan
from study_costs import FALLBACK, NETWORKS, predicted_seconds

SETUP_SECONDS = 2.0
"""Estimated seconds of a search command apart from its trials: parsing, checks and summary."""

PROPOSAL_SECONDS = 0.25
"""Estimated seconds for the Gaussian process to propose a trial."""

CLUSTER = 64
"""Number of GPUs of the cluster for which remaining hours are printed."""


@dataclass
class Status:
    """Progress of a planned study: its finished and begun trials, and the time they took."""

    plan: StudyPlan
    """The planned study."""

    finished: int = 0
    """Number of finished trials."""

    begun: int = 0
    """Number of trials that are finished or running."""

    spent: float = 0.0
    """Worker seconds spent on the finished trials."""

    @property
    def missing(self) -> int:
        """Number of trials left to finish."""
        return max(0, self.plan.effort.trials - self.finished)

    @property
    def share(self) -> float:
        """Fraction of the planned trials that are finished or running, at most 1."""
        return min(1.0, self.begun / self.plan.effort.trials)


def remaining_hours(statuses: Iterable[Status], costs: Sequence[Run], accelerator: str = "cpu") -> dict[str, float]:
    """Estimate the hours that remain of each study, of one core or one GPU.

    On a CPU a study's own finished trials are the measure, and the predictions of others are scaled by what the
    finished trials of their panel took.

    Args:
        statuses: The studies.
        costs: Measurements from `study_costs`.
        accelerator: Where the rest is to be run.

    Returns:
        Hours by the study's name; NaN where nothing was measured.
    """
    all_statuses = list(statuses)
    predicted = {one.plan.name: predicted_seconds(one.plan, costs, accelerator) for one in all_statuses}
    spent, expected = defaultdict[str, float](float), defaultdict[str, float](float)
    for one in all_statuses:
        if accelerator == "cpu" and one.spent > 0 and predicted[one.plan.name] > 0:
            spent[one.plan.panel] += one.spent
            expected[one.plan.panel] += one.finished * predicted[one.plan.name]
    found = {}
    for one in all_statuses:
        panel, seconds = one.plan.panel, predicted[one.plan.name]
        if panel in spent:
            seconds = one.spent / one.finished if one.spent > 0 else seconds * spent[panel] / expected[panel]
        proposals = 0 if one.plan.is_random else one.missing * PROPOSAL_SECONDS
        found[one.plan.name] = (SETUP_SECONDS + proposals + one.missing * seconds) / 3600 if one.missing else 0.0
    return found


def remaining_line(statuses: Sequence[Status], costs: Sequence[Run]) -> str:
    """Return a line with the numbers of complete studies, missing trials and estimated core hours."""
    complete, missing = sum(not one.missing for one in statuses), sum(one.missing for one in statuses)
    hours = sum(remaining_hours(statuses, costs).values())
    return f"{complete} of {len(statuses)} studies are complete; {missing:,} trials, {hours:.2f} core hours remain"


def remaining_table(statuses: Sequence[Status], costs: Sequence[Run]) -> str:
    """Format a Markdown table of finished trials and remaining hours by panel, on each measured accelerator."""
    panels: dict[str, list[Status]] = defaultdict(list)
    for one in statuses:
        panels[one.plan.panel].append(one)
    panels["all"] = list(statuses)
    kinds = [kind for kind in NETWORKS if any(run["accelerator"] == kind for run in costs)]
    hours = {kind: remaining_hours(statuses, costs, kind) for kind in kinds}
    rows = []
    for panel, own in panels.items():
        trials, missing = sum(one.plan.effort.trials for one in own), sum(one.missing for one in own)
        counts = (sum(not one.missing for one in own), len(own), trials - missing, trials)
        left = [sum(hours[kind][one.plan.name] for one in own) for kind in kinds]
        rows.append((panel, *(f"{count:,}" for count in counts), *(f"{value:,.2f}" for value in left)))
    header = ("panel", "complete", "studies", "finished", "trials", *(f"{kind} hours left" for kind in kinds))
    text = markdown_table(header, rows) + "\nAn hour is one core's or one GPU's."
    for kind in kinds:
        measured = {run["task"] for run in costs if run["accelerator"] == kind}
        others = [panel for panel, own in panels.items() if panel != "all" and own[0].plan.task not in measured]
        if others:
            text += f"\nOn a {kind} these are estimated from measurements of the {FALLBACK}: {', '.join(others)}."
    if "gpu" in kinds:
        text += f"\nOn a cluster of {CLUSTER} GPUs: {sum(hours['gpu'].values()) / CLUSTER:,.2f} hours."
    return text
