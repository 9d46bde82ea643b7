from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch.optim import Adam

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TotalDecay
from tests.training.conftest import Fit


class Counts(Callback):
    """Records the optimizer steps made after each call, and the loss that it logged."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.steps.append(trainer.global_step)
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


def train(fit: Fit, steps_per_call: int, max_steps: int = 100) -> tuple[RecurrentModule, Counts]:
    module = RecurrentModule(
        cell="gru",
        depth=2,
        hidden_size=4,
        input_size=8,
        dropout=0.2,
        recurrent_dropout=0.1,
        optimizer=partial(Adam, lr=0.01),
        schedule=TotalDecay,
        clip_norm=1.0,
        steps_per_call=steps_per_call,
    )
    counts = Counts()
    fit(module, RandomMapping(samples=50, input_size=8, batch_size=16), max_steps, counts)
    return module, counts


@pytest.mark.parametrize("steps_per_call", [1, 7, 60, 1000])
def test_global_step_counts_optimizer_steps(fit: Fit, steps_per_call: int) -> None:
    module, counts = train(fit, steps_per_call, max_steps=60)
    expected = [*range(steps_per_call, 60, steps_per_call), 60]
    assert counts.steps == expected
    assert module.steps_trained == 60


def test_weights_and_metrics_do_not_depend_on_steps_per_call(fit: Fit) -> None:
    one, one_counts = train(fit, 1)
    for steps_per_call in (9, 50, 400):
        several, counts = train(fit, steps_per_call)
        for weight, expected in zip(several.parameters(), one.parameters(), strict=True):
            assert torch.equal(weight, expected)
        assert several.final_metrics == one.final_metrics
        ends = counts.steps
        means = [
            sum(one_counts.losses[start:end]) / (end - start) for start, end in zip([0, *ends], ends, strict=False)
        ]
        assert counts.losses == pytest.approx(means, rel=1e-5)


def test_a_small_network_memorises_its_mapping(fit: Fit) -> None:
    module = RecurrentModule(hidden_size=8, input_size=8, optimizer=partial(Adam, lr=0.03))
    fit(module, RandomMapping(samples=40, input_size=8), 200)
    assert module.final_metrics["accuracy"] == 1.0
    assert module.final_metrics["stored_bits"] == 40.0
    assert module.final_metrics["bits_per_parameter"] == 40 / sum(weight.numel() for weight in module.parameters())
    assert module.final_metrics["loss"] < 0.05
    assert module.final_metrics["likelihood_bits"] == pytest.approx(40.0, abs=0.1)
