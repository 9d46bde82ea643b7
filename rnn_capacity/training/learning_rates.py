"""Computes the learning rate of every optimizer step of a run ahead of the training."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler


def learning_rates(optimizer: Optimizer, schedule: LRScheduler | None, steps: int) -> Tensor | None:
    """Compute the learning rate of each optimizer step under a schedule, without training.

    Args:
        optimizer: An optimizer with one group of parameters; its learning rate is changed.
        schedule: Its schedule, or None.
        steps: Optimizer steps.

    Returns:
        Rates, (steps,), float64; None if the schedule changes more than the learning rate, as OneCycleLR does.

    Example:
        >>> import torch
        >>> from rnn_capacity.training import TotalDecay
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> learning_rates(optimizer, TotalDecay(optimizer, total_steps=2, decay=0.01), steps=2)
        tensor([1.0000, 0.1000], dtype=torch.float64)
    """
    rate = float(optimizer.param_groups[0]["lr"])
    if schedule is None:
        return torch.full((steps,), rate, dtype=torch.float64)
    if isinstance(schedule, LambdaLR) and type(schedule).get_lr is LambdaLR.get_lr:
        first, factor = float(schedule.base_lrs[0]), schedule.lr_lambdas[0]
        return torch.tensor([first * factor(step) for step in range(steps)], dtype=torch.float64)
    if type(schedule) is CosineAnnealingLR and schedule.eta_min == 0 and schedule.last_epoch == 0:
        return rate * cosine_factors(schedule.T_max, steps)
    return step_through(optimizer, schedule, steps)


@lru_cache(maxsize=64)
def cosine_factors(period: int, steps: int) -> Tensor:
    """Return the factor of cosine annealing at each step relative to the initial learning rate, (steps,), float64."""
    optimizer = SGD([torch.zeros(1)], lr=1.0)
    return cast(Tensor, step_through(optimizer, CosineAnnealingLR(optimizer, period), steps))


def step_through(optimizer: Optimizer, schedule: LRScheduler, steps: int) -> Tensor | None:
    """Return the learning rate of each step of a run, by stepping a scheduler over the whole run.

    Returns:
        Rates, (steps,), float64; None if the schedule changes anything else.
    """
    rates = []
    (group,) = optimizer.param_groups
    others = {name: value for name, value in group.items() if name not in ("params", "lr")}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")  # the optimizer makes no steps
        for _ in range(steps):
            if any(group[name] != value for name, value in others.items()):
                return None
            rates.append(float(group["lr"]))
            schedule.step()
    return torch.tensor(rates, dtype=torch.float64)
