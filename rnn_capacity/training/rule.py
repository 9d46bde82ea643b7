"""Training hyperparameters of a network other than its architecture, task and number of steps."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch.optim import Adam, Optimizer, SparseAdam
from torch.optim.lr_scheduler import LRScheduler

from rnn_capacity.checks import check_finite, check_minimum, check_positive
from rnn_capacity.training.schedules import Schedule, build_schedule

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]


@dataclass(frozen=True)
class TrainingRule:
    """Training hyperparameters: optimizer, learning-rate schedule, L2, gradient clipping and divergence factor.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> import torch
        >>> rule = TrainingRule(clip_norm=1.0)
        >>> optimizer, schedule = rule.build_optimizer([{"params": [torch.zeros(3)]}], total_steps=100)
        >>> optimizer.param_groups[0]["lr"], schedule
        (0.001, None)
    """

    optimizer: OptimizerFactory = Adam
    """Function that builds the optimizer from parameters or parameter groups, such as `torch.optim.Adam`."""

    schedule: Schedule | None = None
    """Function that builds the learning-rate schedule from the optimizer (see `build_schedule`); None keeps the
    rate."""

    clip_value: float | None = None
    """Absolute value to which each element of the gradient is clipped; None does not clip."""

    clip_norm: float | None = None
    """L2 norm to which the whole gradient is clipped; None does not clip."""

    l2: float = 0.0
    """Factor l2 of the penalty l2/2 · Σ θ² on the parameters, whose gradient is added before clipping."""

    divergence_factor: float = 1e3
    """Multiple of the baseline loss, that of the best predictor that ignores its input, above which a loss counts as
    diverged."""

    def __post_init__(self) -> None:
        check_minimum(0, l2=self.l2)
        bounds = {name: getattr(self, name) for name in ("clip_value", "clip_norm", "divergence_factor")}
        check_positive(**{name: bound for name, bound in bounds.items() if bound != math.inf})  # inf bounds nothing

    def build_optimizer(self, groups: list[dict[str, Any]], total_steps: int) -> tuple[Optimizer, LRScheduler | None]:
        """Build the optimizer and its learning-rate schedule.

        Args:
            groups: Groups of parameters; a key "factor" multiplies the learning rate of its group.
            total_steps: Optimizer steps of the run.

        Raises:
            ValueError: If the optimizer or the schedule rejects its arguments.
        """
        try:
            optimizer = self.optimizer(groups)
        except ValueError as error:
            raise ValueError(f"optimizer: {error}") from None  # the command line reports the first of a chain
        except (TypeError, RuntimeError, ArithmeticError) as error:
            raise ValueError(f"optimizer must accept its arguments, got {error}") from error
        check_finite(optimizer=optimizer.defaults)
        if isinstance(optimizer, SparseAdam):
            raise ValueError("optimizer must be one for dense gradients, got SparseAdam")
        closure = inspect.signature(optimizer.step).parameters.get("closure")
        if closure is not None and closure.default is inspect.Parameter.empty:
            raise ValueError(f"optimizer must be one that needs no closure, got {type(optimizer).__name__}")
        for group in optimizer.param_groups:
            group["lr"] *= group.get("factor", 1.0)
        if self.schedule is None:
            return optimizer, None
        schedule = build_schedule(self.schedule, optimizer, total_steps)
        first = optimizer.param_groups[0]
        for group in optimizer.param_groups[1:]:
            rates = first["lr"] * group.get("factor", 1.0), group["lr"] * first.get("factor", 1.0)
            if not math.isclose(*rates):
                name = type(schedule).__name__
                raise ValueError(f"layer_rates must be null with a schedule that sets the rates itself, got {name}")
        return optimizer, schedule
