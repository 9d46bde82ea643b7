"""The learning rate of every step of a run, as its schedule would have it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler

FACTORS: dict[tuple[int, int], Tensor] = {}
"""Cosine schedules down to zero, by T_max and steps: the rate of each step over the first one's."""

MOST = 64
"""Of these that are kept."""


def learning_rates(optimizer: Optimizer, schedules: list[LRScheduler], steps: int) -> Tensor | None:
    """The rate of each step, (steps,), float64; None if the schedule changes more than the rate, as OneCycleLR does.

    Args:
        optimizer: With one group of parameters; its rate is changed.
        schedules: Its schedule, or none.
        steps: Optimizer steps.
    """
    rate = float(optimizer.param_groups[0]["lr"])
    if not schedules:
        return torch.full((steps,), rate, dtype=torch.float64)
    (schedule,) = schedules
    if isinstance(schedule, LambdaLR) and type(schedule).get_lr is LambdaLR.get_lr:
        first, factor = float(schedule.base_lrs[0]), schedule.lr_lambdas[0]
        return torch.tensor([first * factor(step) for step in range(steps)], dtype=torch.float64)
    if type(schedule) is CosineAnnealingLR and schedule.eta_min == 0 and rate > 0:
        key = (schedule.T_max, steps)
        if key not in FACTORS:
            rates = stepped(optimizer, schedule, steps)
            if rates is None:
                return None
            if len(FACTORS) == MOST:
                del FACTORS[next(iter(FACTORS))]
            FACTORS[key] = rates / rate
        return rate * FACTORS[key]
    return stepped(optimizer, schedule, steps)


def stepped(optimizer: Optimizer, schedule: LRScheduler, steps: int) -> Tensor | None:
    """The rates that the schedule sets, step by step, which takes a while; None if it sets anything else."""
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
