from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.optim import SGD

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule
from tests.training.conftest import Fit


class Losses(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(float(trainer.callback_metrics["train/loss"]))


KINDS = [{"dropout": 0.3}, {"recurrent_dropout": 0.3}]


def curve(
    fit: Fit, kind: dict[str, float], rate: float, seed: int = 0, start: dict[str, Tensor] | None = None
) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of each of 30 steps, and the weights before the first."""
    module = RecurrentModule(
        depth=2, hidden_size=6, input_size=8, optimizer=partial(SGD, lr=rate), steps_per_call=1, seed=seed, **kind
    )
    if start is not None:
        module.load_state_dict(start)
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    losses = Losses()
    fit(module, RandomMapping(samples=40, input_size=8), 30, losses)
    return losses.seen, before


@pytest.mark.parametrize("kind", KINDS)
def test_runs_with_one_seed_are_equal_for_any_state_of_the_global_generator(fit: Fit, kind: dict[str, float]) -> None:
    first, _ = curve(fit, kind, rate=0.1)
    torch.manual_seed(1234)
    assert curve(fit, kind, rate=0.1)[0] == first


@pytest.mark.parametrize("kind", [*KINDS, {}])
def test_training_does_not_use_the_global_generator(fit: Fit, kind: dict[str, float]) -> None:
    torch.manual_seed(1234)
    before = torch.random.get_rng_state()
    curve(fit, kind, rate=0.1)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_has_its_own_dropout_mask(fit: Fit, kind: dict[str, float]) -> None:
    losses, _ = curve(fit, kind, rate=0.0)  # the weights are constant, so only the masks can change the loss
    assert len(set(losses)) == 30
    constant, _ = curve(fit, {}, rate=0.0)
    assert len(set(constant)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_masks_depend_on_the_seed_of_the_network(fit: Fit, kind: dict[str, float]) -> None:
    first, start = curve(fit, kind, rate=0.0, seed=0)
    other, same_start = curve(fit, kind, rate=0.0, seed=1, start=start)
    assert all(torch.equal(same_start[name], start[name]) for name in start)
    assert not set(first) & set(other)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_has_no_dropout(fit: Fit, kind: dict[str, float]) -> None:
    metrics = []
    for options in (kind, {}):
        module = RecurrentModule(
            depth=2, hidden_size=6, input_size=8, optimizer=partial(SGD, lr=0.0), steps_per_call=1, **options
        )
        fit(module, RandomMapping(samples=40, input_size=8), 1)
        metrics.append(module.final_metrics)
    assert metrics[0] == metrics[1]
