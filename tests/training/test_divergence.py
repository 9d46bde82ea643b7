from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch.nn import functional as F
from torch.optim import SGD

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import Memory, RandomMapping
from rnn_capacity.training import (
    RecurrentModule,
    TaskDataModule,
    TrainingRule,
    divergence_bound,
    first_divergence,
    is_diverged,
)
from tests.kernel_builds import kernel_build
from tests.training.conftest import Fit, quiet_trainer

BASELINE = {
    "loss": math.log(2),
    "accuracy": 0.5,
    "stored_bits": 0.0,
    "bits_per_parameter": 0.0,
    "likelihood_bits": 0.0,
    "likelihood_bits_per_parameter": 0.0,
}


def module_for(rate: float, factor: float, steps_per_call: int) -> RecurrentModule:
    return RecurrentModule(
        hidden_size=6,
        input_size=8,
        optimizer=partial(SGD, lr=rate),
        divergence_factor=factor,
        steps_per_call=steps_per_call,
    )


def first_divergent_step(bound: float, rate: float, max_steps: int) -> int | None:
    """The first step, from 1, of a plain loop whose loss is above the bound or not finite."""
    network = RecurrentNetwork("rnn", 1, 8, 6, 1, seed=0)
    inputs, labels = RandomMapping(samples=40, input_size=8).draw_samples()
    optimizer = SGD(network.parameters(), lr=rate)
    for step in range(1, max_steps + 1):
        logits = network(inputs.unsqueeze(1), steps=5)[0][:, -1, 0]
        loss = F.binary_cross_entropy_with_logits(logits, labels.float())
        if not math.isfinite(loss.item()) or loss.item() > bound:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return None


# a sum of losses near the largest float32 overflows in torch, which divides by their number last
@pytest.mark.parametrize("steps_per_call", [1, 4])
@pytest.mark.parametrize(
    ("build", "rate", "factor"),
    [
        *((build, *case) for build in ("off", "auto") for case in ((1e3, 1e3), (30.0, 20.0), (10.0, 5.0), (1e30, 1e3))),
        ("off", 1e38, math.inf),
    ],
)
def test_a_run_ends_at_the_first_loss_above_the_bound(
    fit: Fit, build: str, rate: float, factor: float, steps_per_call: int
) -> None:
    expected = first_divergent_step(factor * math.log(2), rate, max_steps=100)
    assert expected is not None
    assert 1 < expected < 60
    module = module_for(rate, factor, steps_per_call)
    with kernel_build(build):
        trainer = fit(module, RandomMapping(samples=40, input_size=8), 100)
    assert module.diverged_at == expected
    assert trainer.global_step == math.ceil(expected / steps_per_call) * steps_per_call
    assert module.final_metrics == pytest.approx(BASELINE)


def test_the_tested_learning_rates_diverge_at_different_steps() -> None:
    steps = [first_divergent_step(factor * math.log(2), rate, 100) for rate, factor in ((1e3, 1e3), (30.0, 20.0))]
    assert len(set(steps)) == 2


def test_a_loss_below_the_bound_is_not_a_divergence(fit: Fit) -> None:
    assert first_divergent_step(1e3 * math.log(2), 30.0, 100) is None
    module = module_for(30.0, 1e3, 7)
    trainer = fit(module, RandomMapping(samples=40, input_size=8), 100)
    assert module.diverged_at is None
    assert trainer.global_step == 100
    assert module.final_metrics["loss"] > math.log(2)


def test_a_run_whose_last_step_diverges_gets_the_baseline_metrics(fit: Fit) -> None:
    bound = 1e3 * math.log(2)
    assert (first_divergent_step(bound, 1e38, 1), first_divergent_step(bound, 1e38, 2)) == (None, 2)
    module = module_for(1e38, 1e3, 1)
    fit(module, RandomMapping(samples=40, input_size=8), 1)
    assert module.diverged_at is not None
    assert module.final_metrics == pytest.approx(BASELINE)


def test_a_loss_of_exactly_the_bound_is_not_a_divergence() -> None:
    rule, task = TrainingRule(divergence_factor=10.0), Memory()
    assert divergence_bound(rule, task) == 10.0
    assert divergence_bound(rule, RandomMapping(samples=4, input_size=2)) == pytest.approx(10 * math.log(2))
    above = math.nextafter(10.0, math.inf)
    assert [is_diverged(loss, rule, task) for loss in (0.0, 10.0, above)] == [False, False, True]
    assert all(is_diverged(loss, TrainingRule(divergence_factor=math.inf), task) for loss in (math.inf, math.nan))


def test_the_first_divergence_of_each_network_has_its_own_bound() -> None:
    losses = torch.tensor([[1.0, 2.0, 3.0, 1.0], [1.0, 2.5, math.nan, 1.0], [9.0, 1.0, 1.0, math.inf]])
    assert first_divergence(losses, [9.0, 2.0, math.inf, math.inf]) == [None, 1, 1, 2]
    assert first_divergence(losses, [8.0, 1.0, 2.0, 0.5]) == [2, 0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_bound_is_exact_in_the_losses_own_type(dtype: torch.dtype) -> None:
    above = math.nextafter(0.1, 1.0)
    losses = torch.tensor([[0.1, above]], dtype=dtype)
    assert first_divergence(losses, [0.1, 0.1]) == [None, 0 if dtype == torch.float64 else None]


def test_the_first_divergence_counts_in_a_run_that_must_make_more_steps() -> None:
    module, task = module_for(1e30, 1000.0, steps_per_call=10), RandomMapping(samples=40, input_size=8)
    quiet_trainer(max_steps=100, min_steps=60).fit(module, datamodule=TaskDataModule(task))
    assert module.diverged_at == 2
