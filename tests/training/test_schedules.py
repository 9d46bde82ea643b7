from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TotalDecay
from tests.training.conftest import Fit


class Rates(Callback):
    """Records the learning rate that each call leaves for the next step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.parametrize("decay", [1.0, 0.1, 1e-3])
def test_the_rate_decays_by_the_total_factor_over_the_run(fit: Fit, decay: float) -> None:
    rates = Rates()
    module = RecurrentModule(
        hidden_size=3,
        input_size=8,
        steps_per_call=1,
        optimizer=partial(Adam, lr=0.02),
        schedule=partial(TotalDecay, decay=decay),
    )
    fit(module, RandomMapping(samples=20, input_size=8), 40, rates)
    assert rates.seen == pytest.approx([0.02 * decay ** (step / 40) for step in range(1, 41)], rel=1e-12)
    assert rates.seen[-1] == pytest.approx(0.02 * decay, rel=1e-12)


def test_a_schedule_counts_optimizer_steps_not_calls(fit: Fit) -> None:
    rates = Rates()
    module = RecurrentModule(
        hidden_size=3, input_size=8, steps_per_call=8, optimizer=partial(Adam, lr=0.02), schedule=CosineAnnealingLR
    )
    fit(module, RandomMapping(samples=20, input_size=8), 40, rates)
    expected = [0.01 * (1 + math.cos(math.pi * step / 40)) for step in (8, 16, 24, 32, 40)]
    assert rates.seen == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_every_parameter_group_decays_from_its_own_rate() -> None:
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = SGD([{"params": weights[:1], "lr": 1.0}, {"params": weights[1:], "lr": 0.5}], lr=0.1)
    schedule = TotalDecay(optimizer, total_steps=10, decay=0.01)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.1, 0.05], rel=1e-12)


@pytest.mark.parametrize("decay", [0.0, -0.5, 1.5, math.nan])
def test_factors_outside_zero_to_one_are_rejected(decay: float) -> None:
    with pytest.raises(ValueError, match=r"decay must be in \(0, 1\], got"):
        TotalDecay(SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), total_steps=10, decay=decay)
