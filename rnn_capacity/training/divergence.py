"""Detects diverged trainings, whose loss is not finite or too high, and gives them baseline metrics.

The compiled kernel stops a network by the same comparison (kernels/native/train.h).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from rnn_capacity.training.rule import TrainingRule
from rnn_capacity.training.task import Task


def divergence_bound(rule: TrainingRule, task: Task) -> float:
    """Return the loss above which a training counts as diverged.

    Args:
        rule: The training rule, whose `divergence_factor` is a multiple of the baseline loss.
        task: The task, whose baseline loss is that of the best predictor that ignores its input.

    Example:
        >>> from rnn_capacity.tasks import Memory
        >>> from rnn_capacity.training import TrainingRule
        >>> divergence_bound(TrainingRule(divergence_factor=10.0), Memory())
        10.0
    """
    return rule.divergence_factor * task.baseline_loss


def is_diverged(loss: float, rule: TrainingRule, task: Task) -> bool:
    """Return whether a loss is above the divergence bound or not finite.

    Args:
        loss: The loss, such as a final evaluation's.
        rule: The training rule.
        task: The task.

    Example:
        >>> from rnn_capacity.tasks import Memory
        >>> from rnn_capacity.training import TrainingRule
        >>> [is_diverged(loss, TrainingRule(divergence_factor=10.0), Memory()) for loss in (9.0, 11.0, float("nan"))]
        [False, True, True]
    """
    return not (math.isfinite(loss) and loss <= divergence_bound(rule, task))


def first_divergence(losses: Tensor, bounds: Sequence[float]) -> list[int | None]:
    """Find the first step at which each network's loss is not finite or above its divergence bound, or None.

    Args:
        losses: Loss of each step and network, (steps, K).
        bounds: Divergence bound of each network, K numbers.

    Returns:
        For each network the index of the step, or None.

    Example:
        >>> import torch
        >>> first_divergence(torch.tensor([[0.7, 0.7], [0.6, 900.0], [0.5, 0.7]]), bounds=[700.0, 700.0])
        [None, 1]
    """
    within = (losses.isfinite() & (losses <= losses.new_tensor(bounds))).T.tolist()
    return [None if all(row) else row.index(False) for row in within]


def diverged_metrics(task: Task) -> dict[str, float]:
    """Return the best constant predictor's metrics, which stand for a diverged run.

    Args:
        task: The task.

    Example:
        >>> from rnn_capacity.tasks import Memory
        >>> diverged_metrics(Memory())["loss"], diverged_metrics(Memory())["reals_per_unit"]
        (1.0, 0.0)
    """
    return {"loss": task.baseline_loss, **task.baseline_metrics()}
