"""The trainer's options that cannot work here are rejected before anything is trained or written."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback
from pytorch_lightning import callbacks as lightning

from rnn_capacity.search.run.devices import select_devices
from rnn_capacity.tasks import Memory
from rnn_capacity.trainer_options import (
    UNSUITABLE_CALLBACKS,
    check_callbacks,
    check_monitors,
    check_options,
    check_seed_everything,
    check_training,
    trainer_error,
)
from rnn_capacity.training import RecurrentModule

DEFAULTS: dict[str, Any] = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "gradient_clip_val": None,
    "limit_predict_batches": None,
    "limit_test_batches": None,
    "limit_train_batches": None,
    "limit_val_batches": None,
    "log_every_n_steps": 1,
    "max_epochs": None,
    "min_epochs": None,
    "min_steps": None,
    "num_sanity_val_steps": 0,
    "overfit_batches": 0.0,
    "val_check_interval": None,
}


def callback_config(class_path: str) -> Any:
    """Return a callback as the command line has parsed it."""
    return Namespace({"class_path": class_path})  # type: ignore[no-untyped-call]  # jsonargparse has it so


def check(command: str = "fit", **changed: Any) -> None:
    """Check options of a run of 60 steps in three calls."""
    options = SimpleNamespace(**{**DEFAULTS, **changed})
    check_options(options, command)
    check_training(options, RecurrentModule(hidden_size=2, steps_per_call=20), max_steps=60)


@pytest.mark.parametrize(
    ("name", "value", "constraint"),
    [
        ("val_check_interval", 0, "above 0"),
        ("val_check_interval", 0.0, "above 0"),
        ("val_check_interval", 7, "a share of the run or at most its 3 calls"),
        ("check_val_every_n_epoch", 0, "at least 1"),
        ("check_val_every_n_epoch", -1, "at least 1"),
        ("limit_train_batches", 0, "enough for one of 3 batches"),
        ("limit_train_batches", 0.3, "enough for one of 3 batches"),
        ("limit_val_batches", 0.5, "enough for one of 1 batches"),
        ("limit_test_batches", 0, "enough for one of 1 batches"),
        ("limit_test_batches", 0.5, "enough for one of 1 batches"),
        ("overfit_batches", 1, "0 (data.samples sets the samples)"),
        ("max_epochs", 0, "at least 1"),
        ("min_epochs", 0, "at least 1"),
        ("min_steps", -1, "at least 1"),
        ("min_steps", 61, "at most max_steps = 60"),
        ("log_every_n_steps", -1, "at least 0"),
        ("num_sanity_val_steps", -2, "at least -1"),
        ("max_steps", 2**63, f"at most {2**63 - 1}"),
        ("gradient_clip_val", 0, "null (model.clip_norm and model.clip_value clip)"),
        ("accumulate_grad_batches", 0, "1 (data.batch_size sets the batch)"),
    ],
)
def test_options_that_lightning_accepts_and_cannot_use_are_rejected(name: str, value: Any, constraint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"trainer.{name} must be {constraint}") + f".*, got {value}$"):
        check(**{name: value})


@pytest.mark.parametrize(
    "changed",
    [
        {"val_check_interval": 0.001},
        {"limit_train_batches": 0.4},
        {"limit_val_batches": 0},
        {"limit_val_batches": 5},
        {"check_val_every_n_epoch": None},
        {"max_epochs": -1},
        {"min_steps": 60},
    ],
)
def test_options_that_can_be_used_are_accepted(changed: dict[str, Any]) -> None:
    check(**changed)


def test_an_evaluation_needs_its_one_call() -> None:
    for command, kind in (("validate", "val"), ("test", "test"), ("predict", "predict")):
        with pytest.raises(
            ValueError, match=f"trainer.limit_{kind}_batches must be enough for one of 1 batches, got 0"
        ):
            check_options(SimpleNamespace(**{**DEFAULTS, f"limit_{kind}_batches": 0}), command)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_does_not_take_is_rejected(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed_everything must be in \[0, 4294967295\], got {seed}"):
        check_seed_everything(seed)
    for good in (0, 2**32 - 1, True, False, None):
        check_seed_everything(good)


@pytest.mark.parametrize("kind", UNSUITABLE_CALLBACKS, ids=lambda kind: kind.__name__)
def test_callbacks_that_cannot_work_here_are_rejected_by_name(kind: type[Callback]) -> None:
    config = callback_config(f"pytorch_lightning.callbacks.{kind.__name__}")
    for given in (config, [callback_config("pytorch_lightning.callbacks.ModelSummary"), config]):
        with pytest.raises(ValueError, match=rf"trainer.callbacks must not have {kind.__name__} \(.+\)"):
            check_callbacks(given)


def test_a_kind_of_an_unsuitable_callback_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"trainer\.callbacks must not have EMAWeightAveraging"):
        check_callbacks(callback_config("pytorch_lightning.callbacks.EMAWeightAveraging"))


def test_other_callbacks_are_accepted() -> None:
    for name in ("ModelCheckpoint", "EarlyStopping", "LearningRateMonitor"):
        check_callbacks([callback_config(f"pytorch_lightning.callbacks.{name}")])
    check_callbacks(None)


class LogsItsOwn(Callback):
    """Stands for a user's callback, which may log metrics."""


def test_a_monitored_metric_must_be_logged() -> None:
    task = Memory(input_size=2)
    for name in ("train/loss", "val/loss", "val/mse"):
        check_monitors([lightning.EarlyStopping(monitor=name), lightning.ModelSummary()], task, validates=True)
    for callback in (lightning.EarlyStopping(monitor="val/bleu"), lightning.ModelCheckpoint(monitor="val/bleu")):
        with pytest.raises(ValueError, match=r"monitor of \w+ must be one of train/loss, .*val/mse, .*got 'val/bleu'"):
            check_monitors([callback], task, validates=True)
        check_monitors([callback, LogsItsOwn()], task, validates=True)
    with pytest.raises(ValueError, match="got 'val/loss'"):
        check_monitors([lightning.ModelCheckpoint(monitor="val/loss")], task, validates=False)


@pytest.mark.parametrize("devices", [0, -2, [], [0, 0], "a", None, 10**20])
def test_devices_that_cannot_be_used_are_rejected(devices: Any) -> None:
    with pytest.raises(ValueError, match=r"trainer.devices must be one that can be used here, got "):
        select_devices("cpu", devices)


def test_the_one_option_that_can_be_the_reason_is_named() -> None:
    error = MisconfigurationException("not here")
    text = "trainer.strategy must be one that can be used here, got 'xla' (not here)"
    assert str(trainer_error(error, accelerator="auto", devices=1, strategy="xla")) == text
    assert str(trainer_error(error, accelerator="tpu", strategy="xla")) == "trainer: not here"
