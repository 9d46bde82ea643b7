"""Learning-rate schedules over a whole run.

A schedule is built from the optimizer and stepped once after each optimizer step. A parameter `T_max`, `total_steps` or
`total_iters` that is not given is the run's number of optimizer steps.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from copy import copy, deepcopy
from functools import partial
from typing import Any, Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, LambdaLR, LRScheduler, ReduceLROnPlateau, SequentialLR

from rnn_capacity.checks import check_finite

LENGTHS = ("T_max", "total_steps", "total_iters")
"""Names of schedule arguments that are set to the number of optimizer steps of the run unless given."""

UNSUITABLE: dict[type[LRScheduler], str] = {
    ReduceLROnPlateau: "which needs a metric at every step",
    SequentialLR: "which needs other schedules of the same optimizer: write a function that builds them",
    ChainedScheduler: "which needs other schedules of the same optimizer: write a function that builds them",
    LRScheduler: "which is abstract",
}
"""Schedule classes that are rejected, with the reason: not built from an optimizer alone, or stepped with a metric."""


class RunSchedule(Protocol):
    """Protocol of a function that builds a learning-rate schedule from an optimizer and the run's number of steps."""

    def __call__(self, optimizer: Optimizer, /, *, T_max: int, total_steps: int, total_iters: int) -> LRScheduler:
        """Build the schedule of an optimizer; the three lengths are the run's number of optimizer steps."""


Schedule = RunSchedule | Callable[[Optimizer], LRScheduler]


def build_schedule(factory: Schedule, optimizer: Optimizer, steps: int) -> LRScheduler:
    """Build a learning-rate schedule for a run of a known number of optimizer steps, and check that it works.

    Args:
        factory: A class of schedules, perhaps with some of its arguments, or a function of the optimizer and, if it has
            a second argument, the number of steps.
        optimizer: The optimizer.
        steps: Optimizer steps of the run.

    Raises:
        ValueError: If the schedule does not fit a run, or rejects its arguments.

    Example:
        >>> import torch
        >>> from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> build_schedule(CosineAnnealingLR, optimizer, steps=300).T_max
        300
        >>> build_schedule(partial(StepLR, step_size=10), optimizer, steps=300).step_size
        10
    """
    kind: Any = factory
    keywords: dict[str, Any] = {}
    if isinstance(
        factory, partial
    ):  # on the command line, of a function that instantiates the class among its arguments
        kind, keywords = next(filter(inspect.isclass, factory.args), factory.func), factory.keywords
    if kind in UNSUITABLE:
        raise unsuitable(kind)
    parameters = list(inspect.signature(kind).parameters.values())
    names = [one.name for one in parameters]
    lengths = {name: steps for name in LENGTHS if name in names and keywords.get(name) is None}
    if "steps_per_epoch" in names and keywords.get("epochs") and keywords.get("steps_per_epoch"):
        lengths = {}  # OneCycleLR's other way to give its length
    takes_steps = not (inspect.isclass(kind) or lengths) and any(
        one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD and one.name not in keywords
        for one in parameters[1:2]
    )
    try:
        schedule = factory(optimizer, *([steps] if takes_steps else []), **lengths)
        if not isinstance(schedule, ReduceLROnPlateau):
            check_finite(schedule=keywords)
            if type(schedule).__module__.partition(".")[0] in ("torch", "rnn_capacity"):
                try_step(schedule)
    except ValueError as error:
        raise ValueError(f"schedule: {error}") from None  # the command line reports the first of a chain
    except (TypeError, AttributeError, ArithmeticError, LookupError) as error:
        raise ValueError(f"schedule must accept its arguments, got {error}") from error
    if isinstance(schedule, ReduceLROnPlateau):
        raise unsuitable(ReduceLROnPlateau)
    length = getattr(schedule, "total_steps", steps)
    if length < steps:  # OneCycleLR, which raises beyond its end
        raise ValueError(f"schedule.total_steps must be at least the run's {steps} optimizer steps, got {length}")
    return schedule


def try_step(schedule: LRScheduler) -> None:
    """Step a copy of a schedule to find wrong arguments, such as a period of 0, that fail only at the first step.

    Raises:
        ValueError: If the next learning rate is not finite.
    """
    optimizer = copy(schedule.optimizer)
    optimizer.param_groups = [
        {name: value if name == "params" else deepcopy(value) for name, value in group.items()}
        for group in optimizer.param_groups
    ]
    trial = deepcopy(schedule, {id(schedule.optimizer): optimizer})  # without the parameters
    with warnings.catch_warnings(action="ignore"):  # of a step before the optimizer's
        trial.step()
    for group in optimizer.param_groups:
        check_finite(lr=group["lr"])


def unsuitable(kind: type[LRScheduler]) -> ValueError:
    """Return the error about a schedule class in `UNSUITABLE`."""
    return ValueError(
        f"schedule must be one that is stepped at every optimizer step, got {kind.__name__}, {UNSUITABLE[kind]}"
    )


class TotalDecay(LambdaLR):
    """Exponential decay by a total factor over the run: lr_t = lr_0 · d^(t / T) (Collins et al. 2017, App. A).

    Args:
        optimizer: The optimizer.
        total_steps: Optimizer steps T of the run.
        decay: Factor d over the whole run, in (0, 1]; the paper tunes it in [1e-3, 1].

    Raises:
        ValueError: If `decay` is out of range.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = TotalDecay(optimizer, total_steps=2, decay=0.01)
        >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
        [0.1]
    """

    def __init__(self, optimizer: Optimizer, total_steps: int, decay: float = 0.1) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay must be in (0, 1], got {decay:g}")
        super().__init__(optimizer, lambda step: float(decay ** (step / total_steps)))
