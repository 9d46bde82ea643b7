"""Callback that records the samples and metrics of each process of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from rnn_capacity.training import Batch


def rows(batch: Batch) -> list[tuple[float, ...]]:
    """The samples that a process reads, in order: inputs and targets of each."""
    return [
        tuple(torch.cat([part.flatten().double() for part in pair]).tolist()) for pair in zip(*batch[:2], strict=True)
    ]


class Witness(Callback):
    """Stores the samples of a process's first steps and all its metrics in `rank<its number>.pt`.

    Args:
        folder: Where that file goes.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.read: list[list[tuple[float, ...]]] = []
        self.losses: list[Tensor] = []
        self.metrics: list[dict[str, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        source = pl_module.batch_source()
        self.read = [rows(source.batch(step)) for step in range(3)]

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.losses.append(trainer.callback_metrics["train/loss"])

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.metrics.append(dict(pl_module.final_metrics))

    def on_test_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.metrics.append(dict(pl_module.final_metrics))
        told = {"read": self.read, "losses": self.losses, "metrics": self.metrics}
        torch.save(told, self.folder / f"rank{trainer.global_rank}.pt")
