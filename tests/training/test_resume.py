from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from torch.optim import SGD, Adam

from rnn_capacity.models import Initialization
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule, TotalDecay
from tests.interruption import StopAfter
from tests.training.conftest import Fit, quiet_trainer

OPTIONS: dict[str, Any] = {
    "cell": "ugrnn",
    "depth": 2,
    "hidden_size": 5,
    "input_size": 8,
    "dropout": 0.2,
    "recurrent_dropout": 0.1,
    "initialization": Initialization(recurrent="normal", input_scale=0.5),
    "optimizer": partial(Adam, lr=0.01),
    "clip_norm": 0.5,
    "l2": 1e-3,
    "steps_per_call": 20,
}


def task() -> RandomMapping:
    return RandomMapping(samples=50, input_size=8, batch_size=16)


def assert_same_run(module: RecurrentModule, uninterrupted: RecurrentModule) -> None:
    assert module.steps_trained == uninterrupted.steps_trained == 100
    for weight, expected in zip(module.parameters(), uninterrupted.parameters(), strict=True):
        assert torch.equal(weight, expected)
    assert module.final_metrics == uninterrupted.final_metrics


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_run(fit: Fit, tmp_path: Path) -> None:
    options = {**OPTIONS, "schedule": TotalDecay, "steps_per_call": 10}
    uninterrupted = RecurrentModule(**options)
    fit(uninterrupted, task(), 100)
    interrupted = RecurrentModule(**options)
    trainer = fit(interrupted, task(), 100, StopAfter(50))
    assert trainer.global_step == 50
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = RecurrentModule(**options)
    torch.manual_seed(77)
    fit(resumed, task(), 100, checkpoint=tmp_path / "half.ckpt")
    assert_same_run(resumed, uninterrupted)


class SaveAt(Callback):
    """Saves a checkpoint in the middle of a run."""

    def __init__(self, step: int, path: Path) -> None:
        self.step = step
        self.path = path

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("step", [20, 60, 80])
def test_a_checkpoint_of_any_step_resumes_to_the_same_end(fit: Fit, tmp_path: Path, step: int) -> None:
    options = {**OPTIONS, "schedule": TotalDecay}
    uninterrupted = RecurrentModule(**options)
    fit(uninterrupted, task(), 100, SaveAt(step, tmp_path / "middle.ckpt"))
    resumed = RecurrentModule(**options)
    fit(resumed, task(), 100, checkpoint=tmp_path / "middle.ckpt")
    assert_same_run(resumed, uninterrupted)


@pytest.mark.parametrize("steps", [40, 50])  # 50 is no multiple of the steps of a call
def test_a_finished_run_can_continue_for_more_steps(fit: Fit, tmp_path: Path, steps: int) -> None:
    uninterrupted = RecurrentModule(**OPTIONS)
    fit(uninterrupted, task(), 100)
    shorter = RecurrentModule(**OPTIONS)
    trainer = fit(shorter, task(), steps)
    trainer.save_checkpoint(tmp_path / "shorter.ckpt")
    longer = RecurrentModule(**OPTIONS)
    fit(longer, task(), 100, checkpoint=tmp_path / "shorter.ckpt")
    assert_same_run(longer, uninterrupted)


def test_a_module_loads_from_its_checkpoint(fit: Fit, tmp_path: Path) -> None:
    module = RecurrentModule(**OPTIONS, schedule=TotalDecay)
    trainer = fit(module, task(), 60)
    trainer.save_checkpoint(tmp_path / "whole.ckpt")
    loaded = RecurrentModule.load_from_checkpoint(tmp_path / "whole.ckpt")
    kept = ("cell", "depth", "hidden_size", "dropout", "initialization", "l2", "clip_norm", "seed")
    assert {name: loaded.hparams[name] for name in kept} == {name: module.hparams[name] for name in kept}
    for weight, expected in zip(loaded.parameters(), module.parameters(), strict=True):
        assert torch.equal(weight, expected)
    metrics = quiet_trainer().test(loaded, datamodule=TaskDataModule(task()), verbose=False)[0]
    assert {name: metrics[f"test/{name}"] for name in module.final_metrics} == pytest.approx(
        module.final_metrics, rel=1e-6
    )
    assert loaded.steps_trained == 60


def test_a_checkpoint_of_a_diverged_run_is_still_diverged_in_a_test(fit: Fit, tmp_path: Path) -> None:
    module = RecurrentModule(hidden_size=6, input_size=8, optimizer=partial(SGD, lr=1e4))
    trainer = fit(module, task(), 60)
    trainer.save_checkpoint(tmp_path / "diverged.ckpt")
    loaded = RecurrentModule.load_from_checkpoint(tmp_path / "diverged.ckpt")
    quiet_trainer().test(loaded, datamodule=TaskDataModule(task()), verbose=False)
    assert module.diverged_at is not None
    assert loaded.diverged_at == module.diverged_at
    assert loaded.final_metrics == module.final_metrics
