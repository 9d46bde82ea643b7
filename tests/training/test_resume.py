from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from torch.optim import SGD, Adam

from rnn_capacity.models import Initialization
from rnn_capacity.tasks import RandomMapping, RecurrentModule
from rnn_capacity.training import TotalDecay
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


def data() -> RandomMapping:
    return RandomMapping(samples=50, input_size=8, batch_size=16)


def assert_same_run(module: RecurrentModule, straight: RecurrentModule) -> None:
    assert module.steps_trained == straight.steps_trained == 100
    for weight, expected in zip(module.parameters(), straight.parameters(), strict=True):
        assert torch.equal(weight, expected)
    assert module.latest == straight.latest


def test_an_interrupted_run_resumes_to_the_same_weights(fit: Fit, tmp_path: Path) -> None:
    options = {**OPTIONS, "schedule": TotalDecay, "steps_per_call": 10}
    straight = RecurrentModule(**options)
    fit(straight, data(), 100)
    interrupted = RecurrentModule(**options)
    trainer = fit(interrupted, data(), 100, StopAfter(50))
    assert trainer.global_step == 50
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = RecurrentModule(**options)
    torch.manual_seed(77)
    fit(resumed, data(), 100, checkpoint=tmp_path / "half.ckpt")
    assert_same_run(resumed, straight)


class SaveAt(Callback):
    """Saves a checkpoint in the middle of a run."""

    def __init__(self, step: int, path: Path) -> None:
        self.step = step
        self.path = path

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("step", [20, 60, 80])
def test_a_checkpoint_from_the_middle_of_a_run_leads_to_its_end(fit: Fit, tmp_path: Path, step: int) -> None:
    options = {**OPTIONS, "schedule": TotalDecay}
    straight = RecurrentModule(**options)
    fit(straight, data(), 100, SaveAt(step, tmp_path / "middle.ckpt"))
    resumed = RecurrentModule(**options)
    fit(resumed, data(), 100, checkpoint=tmp_path / "middle.ckpt")
    assert_same_run(resumed, straight)


@pytest.mark.parametrize("steps", [40, 50])  # 50 is no multiple of the steps of a call
def test_a_finished_run_goes_on_to_more_steps(fit: Fit, tmp_path: Path, steps: int) -> None:
    straight = RecurrentModule(**OPTIONS)
    fit(straight, data(), 100)
    shorter = RecurrentModule(**OPTIONS)
    trainer = fit(shorter, data(), steps)
    trainer.save_checkpoint(tmp_path / "shorter.ckpt")
    longer = RecurrentModule(**OPTIONS)
    fit(longer, data(), 100, checkpoint=tmp_path / "shorter.ckpt")
    assert_same_run(longer, straight)


def test_a_checkpoint_of_a_module_built_in_python_gives_the_network_back(fit: Fit, tmp_path: Path) -> None:
    module = RecurrentModule(**OPTIONS, schedule=TotalDecay)
    trainer = fit(module, data(), 60)
    trainer.save_checkpoint(tmp_path / "whole.ckpt")
    loaded = RecurrentModule.load_from_checkpoint(tmp_path / "whole.ckpt")
    kept = ("cell", "depth", "hidden_size", "dropout", "initialization", "l2", "clip_norm", "seed")
    assert {name: loaded.hparams[name] for name in kept} == {name: module.hparams[name] for name in kept}
    for weight, expected in zip(loaded.parameters(), module.parameters(), strict=True):
        assert torch.equal(weight, expected)
    figures = quiet_trainer().test(loaded, datamodule=data(), verbose=False)[0]
    assert {name: figures[f"test/{name}"] for name in module.latest} == pytest.approx(module.latest, rel=1e-6)
    assert loaded.steps_trained == 60


def test_a_diverged_run_is_still_diverged_when_its_checkpoint_is_measured(fit: Fit, tmp_path: Path) -> None:
    module = RecurrentModule(hidden_size=6, input_size=8, optimizer=partial(SGD, lr=1e4))
    trainer = fit(module, data(), 60)
    trainer.save_checkpoint(tmp_path / "diverged.ckpt")
    loaded = RecurrentModule.load_from_checkpoint(tmp_path / "diverged.ckpt")
    quiet_trainer().test(loaded, datamodule=data(), verbose=False)
    assert module.diverged_at is not None
    assert loaded.diverged_at == module.diverged_at
    assert loaded.latest == module.latest
