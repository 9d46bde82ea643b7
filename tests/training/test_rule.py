"""Training hyperparameters: their defaults and ranges, and the optimizers that cannot be used."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adam, Optimizer, SparseAdam
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from rnn_capacity.training import TotalDecay, TrainingRule


def groups(*factors: float | None) -> list[dict[str, Any]]:
    """A group of parameters for each factor of the learning rate; None gives none."""
    return [
        {"params": [nn.Parameter(torch.zeros(2))], **({} if factor is None else {"factor": factor})}
        for factor in factors
    ]


def test_the_defaults_are_adam_without_limits_and_a_thousandfold_baseline_loss() -> None:
    assert TrainingRule() == TrainingRule(Adam, None, None, None, 0.0, 1000.0)


@pytest.mark.parametrize("name", ["clip_value", "clip_norm", "divergence_factor"])
def test_a_bound_is_positive_and_may_be_infinite(name: str) -> None:
    assert getattr(TrainingRule(**{name: float("inf")}), name) == math.inf
    for bound in (0.0, -1.0, math.nan, -math.inf):
        with pytest.raises(ValueError, match=f"{name} must be a positive number, got {bound:g}"):
            TrainingRule(**{name: bound})


@pytest.mark.parametrize("l2", [-1e-9, math.inf, math.nan])
def test_l2_is_a_finite_number_of_at_least_zero(l2: float) -> None:
    finite = "a finite number of " if l2 == math.inf else ""
    with pytest.raises(ValueError, match=f"l2 must be {finite}at least 0, got {l2}"):
        TrainingRule(l2=l2)


def test_a_rule_keeps_the_values_that_were_checked() -> None:
    with pytest.raises(FrozenInstanceError):
        TrainingRule().l2 = -1.0


def test_a_factor_multiplies_the_learning_rate_of_its_group_alone() -> None:
    optimizer, schedule = TrainingRule(partial(SGD, lr=0.5)).build_optimizer(groups(0.1, None, 3.0), 10)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.5, 1.5])
    assert schedule is None


def test_a_schedule_gets_the_optimizer_and_the_number_of_steps() -> None:
    rule = TrainingRule(partial(SGD, lr=0.5), partial(TotalDecay, decay=0.01))
    optimizer, schedule = rule.build_optimizer(groups(None), 4)
    assert schedule is not None
    assert schedule.optimizer is optimizer
    for _ in range(2):
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


class NeedsAnArgument(Optimizer):
    def __init__(self, params: Any, extra: float) -> None:
        super().__init__(params, {"lr": extra})


class Overflows(Optimizer):
    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": math.exp(1000)})


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (partial(Adam, lr=-1.0), "optimizer: Invalid learning rate: -1.0"),
        (
            NeedsAnArgument,
            "optimizer must accept its arguments, got .* missing 1 required positional argument: 'extra'",
        ),
        (Overflows, "optimizer must accept its arguments, got math range error"),
        (partial(Adam, eps=math.inf), r"optimizer\.eps must be a finite number, got inf"),
        (SparseAdam, "optimizer must be one for dense gradients, got SparseAdam"),
        (LBFGS, "optimizer must be one that needs no closure, got LBFGS"),
    ],
)
def test_an_optimizer_that_cannot_be_used_is_rejected(optimizer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        TrainingRule(optimizer).build_optimizer(groups(None), 10)


@pytest.mark.parametrize(
    "schedule", [partial(OneCycleLR, max_lr=0.1, total_steps=9), partial(CyclicLR, base_lr=0.1, max_lr=0.2)]
)
def test_factors_of_the_rate_are_refused_with_a_schedule_that_sets_the_rates_itself(schedule: Any) -> None:
    rule = TrainingRule(partial(SGD, lr=0.5, momentum=0.9), schedule)
    rule.build_optimizer(groups(1.0, None), 9)
    with pytest.raises(ValueError, match=rf"layer_rates must be null with a schedule .*, got {schedule.func.__name__}"):
        rule.build_optimizer(groups(0.0, 1.0), 9)


class OwnStep(SGD):
    """Stands for a user's optimizer, whose step passes its arguments on."""

    def step(self, *args: Any, **kwargs: Any) -> Any:
        return super().step(*args, **kwargs)


def test_an_optimizer_whose_step_names_no_closure_is_accepted() -> None:
    optimizer, _ = TrainingRule(partial(OwnStep, lr=0.5)).build_optimizer(groups(None), 10)
    assert isinstance(optimizer, OwnStep)
