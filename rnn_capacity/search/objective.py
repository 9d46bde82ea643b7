"""The metric that a study optimizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rnn_capacity.search.space.sweep_file import Metric
from rnn_capacity.studies import Goal
from rnn_capacity.training import Task


@dataclass(frozen=True)
class Objective:
    """A final metric and the direction in which it is optimized."""

    metric: str
    """The metric's key in summary.json."""

    goal: Goal
    """Direction of the optimization: minimize or maximize."""

    baseline: dict[str, float]
    """Metrics of the best constant predictor, which are assigned to infeasible trials."""

    def value(self, metrics: dict[str, Any]) -> tuple[float, bool]:
        """Return a trial's objective value and whether it is feasible; if not, the value is the baseline's."""
        value = metrics.get(self.metric)
        if not metrics.get("feasible", False) or value is None or not math.isfinite(value):
            return self.baseline[self.metric], False
        return float(value), True

    def better(self, first: float, second: float) -> float:
        """Return the larger of two values if the metric is maximized, otherwise the smaller."""
        return max(first, second) if self.goal == "maximize" else min(first, second)


def make_objective(metric: Metric | None, task: Task) -> Objective:
    """Make the objective from a sweep's metric, or from the task's primary metric if the sweep has none.

    Args:
        metric: The sweep's metric.
        task: The task that the trials learn.

    Raises:
        ValueError: If the task has no such metric; the message lists those that it has.
    """
    primary = task.primary_metric
    baseline = {"loss": task.baseline_loss, **task.baseline_metrics()}
    known = {f"final/{name}": name for name in baseline}
    if "val" in task.final_splits:
        known[f"val/{primary}"] = known[f"final/val_{primary}"] = f"val_{primary}"
        baseline[f"val_{primary}"] = baseline[primary]
    else:  # the training set is all that there is
        known[f"val/{primary}"] = primary
    if metric is None:
        return Objective(primary, "minimize" if task.direction(primary) == "min" else "maximize", baseline)
    if metric.name not in known:
        raise ValueError(f"metric.name must be one of {', '.join(known)}; got {metric.name!r}")
    return Objective(known[metric.name], metric.goal, baseline)
