"""Learning-rate schedules of the ways of training that tools/training_methods.py compares."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

WARM_UP = 0.1
"""Part of a run in which the rate rises."""


def cosine(optimizer: Optimizer, total_steps: int, begin: float = 0.0, end: float = 1.0) -> LambdaLR:
    """Build the part of a cosine schedule from the fraction `begin` of a run to the fraction `end`."""
    return LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * (begin + (end - begin) * min(1, step / total_steps)))) / 2
    )


def linear(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Build a schedule that falls linearly to zero."""
    return LambdaLR(optimizer, lambda step: max(0.0, 1 - step / total_steps))


def restarts(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Build a schedule of four equally long cosines, the later ones lower: 1, 0.7, 0.5, 0.35 (warm restarts)."""
    return LambdaLR(
        optimizer,
        lambda step: 0.7 ** (4 * step // total_steps) * (1 + math.cos(math.pi * (4 * step / total_steps % 1))) / 2,
    )


def warmed_up(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Build a cosine schedule that is multiplied by a factor rising linearly to one in the first tenth of a run."""
    whole = cosine(optimizer, total_steps).lr_lambdas[0]
    return LambdaLR(optimizer, lambda step: min(1, (step + 1) / (WARM_UP * total_steps)) * whole(step))
