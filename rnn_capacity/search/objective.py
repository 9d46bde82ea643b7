"""Which of a trial's figures a study optimizes, and which way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rnn_capacity.search.space.sweep_file import Metric
from rnn_capacity.studies import Goal
from rnn_capacity.training import Task


@dataclass(frozen=True)
class Objective:
    """A figure that is to become as large or as small as it can."""

    figure: str
    """Its key in summary.json."""

    goal: Goal
    """Which way is better."""

    constant: dict[str, float]
    """The figures of the constant predictor, which is all that a trial without a result of its own is given."""

    def read(self, figures: dict[str, Any]) -> tuple[float, bool]:
        """A trial's value, and whether it is its own: one without a result has the constant predictor's."""
        value = figures.get(self.figure)
        if not figures.get("feasible", False) or value is None or not math.isfinite(value):
            return self.constant[self.figure], False
        return float(value), True


def objective_of(metric: Metric | None, task: Task) -> Objective:
    """What a sweep optimizes; without a metric, the task's primary metric.

    Args:
        metric: The sweep's.
        task: The task that the trials learn.

    Raises:
        ValueError: If the task has no such figure; the message lists those that it has.
    """
    constant = {"loss": task.baseline_loss, **task.baseline_metrics()}
    known = {f"final/{name}": name for name in constant}
    if "val" in task.final_splits:
        known[f"val/{task.primary_metric}"] = known[f"final/val_{task.primary_metric}"] = f"val_{task.primary_metric}"
        constant[f"val_{task.primary_metric}"] = constant[task.primary_metric]
    else:  # what is learnt is all that there is
        known[f"val/{task.primary_metric}"] = task.primary_metric
    if metric is None:
        goal: Goal = "minimize" if task.direction(task.primary_metric) == "min" else "maximize"
        return Objective(task.primary_metric, goal, constant)
    if metric.name not in known:
        raise ValueError(f"metric.name: {metric.name!r} given, {task.name} has {', '.join(known)}")
    return Objective(known[metric.name], metric.goal, constant)
