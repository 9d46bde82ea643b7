"""Checks the options of the Lightning trainer before anything is trained or written."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from inspect import isclass
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning import callbacks as lightning
from pytorch_lightning.callbacks import Callback

from rnn_capacity.checks import check_finite, check_minimum
from rnn_capacity.training import RecurrentModule, Task

UNSUITABLE_CALLBACKS: dict[type[Callback], str] = {
    lightning.BackboneFinetuning: "the network has no backbone; model.freeze and model.layer_rates fine-tune",
    lightning.BatchSizeFinder: "data.batch_size sets the batch",
    lightning.GradientAccumulationScheduler: "data.batch_size sets the batch",
    lightning.LearningRateFinder: "rnn-capacity search finds model.optimizer.lr",
    lightning.SpikeDetection: "model.divergence_factor detects a loss that diverges",
    lightning.StochasticWeightAveraging: "a run is one epoch",
    lightning.Timer: "trainer.max_time limits the time",
    lightning.WeightAveraging: "it would average the last of model.steps_per_call steps alone",
}
"""Lightning callbacks that are refused, since they cannot work with several optimizer steps per `training_step` and one
epoch per run, each with what to use instead."""

DEPENDENT: dict[str, tuple[Any, ...]] = {
    "accelerator": ("auto", "cpu"),
    "devices": ("auto", 1, "1"),
    "strategy": ("auto",),
    "precision": (None,),
    "max_time": (None,),
}
"""Trainer options that may be malformed or impossible on a machine, such as devices, each with the values that always
work."""

MAX_SEED = 2**32 - 1
"""The largest seed that NumPy's global random generator accepts."""


def check_seed_everything(seed: Any) -> None:
    """Check that the option `seed_everything` is a seed that NumPy accepts.

    Raises:
        ValueError: If numpy does not take it.
    """
    if isinstance(seed, int) and not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed_everything must be in [0, {MAX_SEED}], got {seed}")


def check_callbacks(given: Any) -> None:
    """Check that the option `trainer.callbacks` has none of the refused Lightning callbacks (`UNSUITABLE_CALLBACKS`).

    Args:
        given: The parsed option `trainer.callbacks`: a callback, a list of them, or None.

    Raises:
        ValueError: If one is.
    """
    for callback in given if isinstance(given, list) else [given]:
        kind: Any = type(callback)
        if isinstance(callback, Namespace):
            module, _, name = callback.class_path.rpartition(".")
            kind = getattr(importlib.import_module(module), name)
        for unsuitable, instead in UNSUITABLE_CALLBACKS.items():
            if isclass(kind) and issubclass(kind, unsuitable):
                raise ValueError(f"trainer.callbacks must not have {kind.__name__} ({instead})")


def check_options(config: Any, command: str) -> None:
    """Check trainer options for values that Lightning accepts but cannot use, such as infinity or no test batch.

    Args:
        config: The trainer's options.
        command: The command.

    Raises:
        ValueError: If an option is out of range.
    """
    given = {f"trainer.{name}": value for name, value in vars(config).items() if isinstance(value, (int, float))}
    check_finite(**given)
    check_minimum(0, **{"trainer.log_every_n_steps": config.log_every_n_steps})
    check_minimum(-1, **{"trainer.num_sanity_val_steps": config.num_sanity_val_steps})
    # a call evaluates the whole split, or generates the whole text
    batches = {"fit": "test", "validate": "val", "test": "test", "predict": "predict"}[command]
    for kind in {"val", batches}:
        check_batches(f"trainer.limit_{kind}_batches", getattr(config, f"limit_{kind}_batches"), 1, kind == batches)


def check_training(config: Any, model: RecurrentModule, max_steps: int) -> None:
    """Check trainer options that `fit` restricts or that model and data options replace, such as gradient clipping.

    Args:
        config: The trainer's options.
        model: The module.
        max_steps: Optimizer steps of the run.

    Raises:
        ValueError: If an option is out of range.
    """
    check_minimum(1, **{"trainer.max_steps": max_steps})
    if config.gradient_clip_val is not None:
        raise ValueError(
            "trainer.gradient_clip_val must be null (model.clip_norm and model.clip_value clip), "
            f"got {config.gradient_clip_val}"
        )
    if config.accumulate_grad_batches != 1:
        raise ValueError(
            "trainer.accumulate_grad_batches must be 1 (data.batch_size sets the batch), "
            f"got {config.accumulate_grad_batches}"
        )
    if config.overfit_batches:
        raise ValueError(
            f"trainer.overfit_batches must be 0 (data.samples sets the samples), got {config.overfit_batches}"
        )
    calls = math.ceil(max_steps / model.steps_per_call)
    check_batches("trainer.limit_train_batches", config.limit_train_batches, calls, needed=True)
    check_minimum(1, **{"trainer.check_val_every_n_epoch": config.check_val_every_n_epoch})
    for name in ("max_epochs", "min_epochs", "min_steps"):
        value = getattr(config, name)
        if value is not None and (name, value) != ("max_epochs", -1):
            check_minimum(1, **{f"trainer.{name}": value})
    if config.min_steps is not None and config.min_steps > max_steps:
        raise ValueError(f"trainer.min_steps must be at most max_steps = {max_steps}, got {config.min_steps}")
    every = config.val_check_interval
    if isinstance(every, (int, float)) and every <= 0:
        raise ValueError(f"trainer.val_check_interval must be above 0, got {every}")
    if isinstance(every, int) and every > calls and config.check_val_every_n_epoch is not None:
        raise ValueError(
            f"trainer.val_check_interval must be a share of the run or at most its {calls} calls of "
            f"model.steps_per_call = {model.steps_per_call} optimizer steps, got {every}"
        )
    model.build_optimizer(max_steps)


def check_batches(name: str, limit: float | None, calls: int, needed: bool) -> None:
    """Check that a Lightning limit such as `limit_val_batches` leaves at least one batch, or is 0 if allowed.

    Args:
        name: The option.
        limit: A number of batches, or a share of them; None is all.
        calls: Number of batches that there are.
        needed: Whether there must be one.

    Raises:
        ValueError: If it is less.
    """
    share = isinstance(limit, float)
    if limit is None or limit < 0 or (share and limit * calls >= 1) or (not share and limit >= 1):
        return  # Lightning rejects what is negative
    if needed or limit > 0:
        raise ValueError(f"{name} must be enough for one of {calls} batches, got {limit}")


def check_monitors(callbacks: Iterable[Any], task: Task, validates: bool) -> None:
    """Check that each metric that a callback monitors, such as val/loss, is logged.

    Nothing is checked where a callback is of another package, which may log metrics of its own.

    Args:
        callbacks: The trainer's callbacks.
        task: The task.
        validates: Whether the run is validated.

    Raises:
        ValueError: If a metric is not logged in a training.
    """
    callbacks = list(callbacks)
    if not all(type(one).__module__.split(".")[0] in ("pytorch_lightning", "rnn_capacity") for one in callbacks):
        return
    known = ["train/loss", "step", "epoch"]
    if validates:
        known += [f"val/{name}" for name in ("loss", *task.baseline_metrics())]
    for callback in callbacks:
        monitored = getattr(callback, "monitor", None)
        if isinstance(monitored, str) and monitored not in known and not monitored.startswith("lr-"):
            raise ValueError(
                f"trainer.callbacks: monitor of {type(callback).__name__} must be one of {', '.join(known)}; "
                f"got {monitored!r}"
            )


def trainer_error(error: Exception, **options: Any) -> ValueError:
    """Return a ValueError that names the option which made Lightning's Trainer raise an error.

    Args:
        error: What the trainer's constructor raised.
        **options: The trainer's options.
    """
    changed = [name for name, usual in DEPENDENT.items() if name in options and options[name] not in usual]
    name = "devices" if "devices" in changed and "devices" in str(error) else changed[0] if len(changed) == 1 else None
    if name is None:
        return ValueError(f"trainer: {error}")
    return ValueError(f"trainer.{name} must be one that can be used here, got {options[name]!r} ({error})")
