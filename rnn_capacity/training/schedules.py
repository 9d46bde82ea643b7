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
    """Exponential decay by a total factor: lr_t = lr_0 · d^(t / T) (Collins et al. 2017, App. A).

    Args:
        optimizer: The optimizer.
        total_steps: Optimizer steps T of the run.
        decay: The factor d over the whole run, in (0, 1]; the paper tunes it in [1e-3, 1].

    Raises:
        ValueError: If `decay` is out of range.
    """

    def __init__(self, optimizer: Optimizer, total_steps: int, decay: float = 0.1) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay: {decay:g} given, a factor in (0, 1] needed")
        super().__init__(optimizer, lambda step: float(decay ** (step / total_steps)))
