"""Trains every scenario with two processes on the CPU: `python two_processes.py FOLDER`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD, Adam

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule, TotalDecay

SCENARIOS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "odd full batch": (
        {"cell": "gru", "optimizer": partial(Adam, lr=0.01), "schedule": TotalDecay, "clip_norm": 0.5, "l2": 1e-3},
        {"samples": 41},
    ),
    "minibatches, the last of one sample": (
        {"optimizer": partial(SGD, lr=0.3, momentum=0.5), "clip_value": 0.02},
        {"samples": 41, "batch_size": 10, "classes": 3},
    ),
    "divergence": ({"optimizer": partial(SGD, lr=30.0), "divergence_factor": 20.0}, {"samples": 41}),
}


class Curve(Callback):
    """Records the mean loss of each call."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


def train(scenario: str, devices: int) -> dict[str, Any]:
    options, sizes = SCENARIOS[scenario]
    task = RandomMapping(input_size=8, **sizes)
    data = TaskDataModule(task)
    module = RecurrentModule(hidden_size=6, input_size=8, output_size=task.output_size, steps_per_call=3, **options)
    curve = Curve()
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision="64-true",
        max_steps=60,
        callbacks=[curve],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=data)
    return {
        "rank": trainer.global_rank,
        "losses": curve.losses,
        "steps": module.steps_trained,
        "diverged_at": module.diverged_at,
        "weights": parameters_to_vector(module.parameters()).detach(),
        "fitted": dict(module.final_metrics),
        "tested": trainer.test(module, datamodule=data, verbose=False)[0],
    }


if __name__ == "__main__":
    results = {scenario: train(scenario, devices=2) for scenario in SCENARIOS}
    rank = next(iter(results.values()))["rank"]
    torch.save(results, Path(sys.argv[1]) / f"rank{rank}.pt")
