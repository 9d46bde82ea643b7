"""Callbacks for tests that record the hyperparameters of a run, make it fail, or send it a signal."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer


class Witness(Callback):
    """Writes the hyperparameters of a process's network, optimizer and task to `<process>-of-<W&B run>.json`."""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        stack = pl_module.network.stack
        schedules = [type(config.scheduler).__name__ for config in trainer.lr_scheduler_configs]
        seen = {
            "cell": type(stack.cells[0]).__name__,
            "depth": len(stack.cells),
            "optimizer": type(trainer.optimizers[0]).__name__,
            "rates": [group["lr"] for group in trainer.optimizers[0].param_groups],
            "residual": stack.residual,
            "clip_norm": pl_module.rule.clip_norm,
            "schedules": schedules,
            "encoding": pl_module.task.encoding,
            "steps": trainer.max_steps,
            "processes": trainer.world_size,
        }
        Path(f"{trainer.global_rank}-of-{os.environ['WANDB_RUN_ID']}.json").write_text(json.dumps(seen))


class Fails(Callback):
    """Raises an error in one process of a run after a number of optimizer steps."""

    def __init__(self, step: int, rank: int = 0) -> None:
        self.step = step
        self.rank = rank

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step >= self.step and trainer.global_rank == self.rank:
            raise RuntimeError("the disk is full")


class Signalled(Callback):
    """Sends a signal to one process of a run after a number of optimizer steps, unless the run resumed after them.

    Args:
        step: Optimizer steps.
        name: The signal's.
        rank: The process.
        times: Signals in a row.
    """

    def __init__(self, step: int, name: str, rank: int = 0, times: int = 1) -> None:
        self.step = step
        self.number = signal.Signals[name]
        self.rank = rank
        self.times = times
        self.begun_at = 0

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        self.begun_at = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self.begun_at < self.step <= trainer.global_step and trainer.global_rank == self.rank:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)
