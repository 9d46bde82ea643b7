"""Learning-rate schedules over a whole run.

A schedule is called with the optimizer and the run's number of optimizer steps, and stepped once after each of them;
`torch.optim.lr_scheduler.CosineAnnealingLR` fits as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

Schedule = Callable[[Optimizer, int], LRScheduler]


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
