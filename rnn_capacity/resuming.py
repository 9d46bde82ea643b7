"""What a checkpoint must be for a run to go on from it, or to measure it."""

from __future__ import annotations

from typing import Any

import torch

from rnn_capacity.messages import fail
from rnn_capacity.training import RecurrentModule, Task, TaskDataModule

SHAPE = (
    "_class_path",
    "cell",
    "depth",
    "hidden_size",
    "max_parameters",
    "nonlinearity",
    "b_fg",
    "residual",
    "layer_norm",
    "cell_options",
)
"""The arguments of the model that its function depends on, the weights aside."""


def compare(part: str, path: str, given: dict[str, Any], saved: dict[str, Any]) -> None:
    """Refuse a checkpoint that was trained with another value; names the first that differs, however deep."""
    for name in sorted(set(given) | set(saved)):
        here, there = given.get(name), saved.get(name)
        if name == "_instantiator" or here == there:
            continue
        if isinstance(here, dict) and isinstance(there, dict):
            compare(f"{part}.{name}", path, here, there)
        name = name.lstrip("_")
        fail(f"{part}.{name}: {here!r} given, {path} was trained with {there!r}; give the run's own config")


def check_checkpoint(
    path: str, module: RecurrentModule, data: TaskDataModule, task: Task, max_steps: int | None
) -> None:
    """A run is resumed under its own arguments alone, and measured by a network of the same shape.

    Args:
        path: The checkpoint.
        module: The network as the arguments have it.
        data: The data as the arguments have it.
        task: The task that these make.
        max_steps: Optimizer steps of the run that is to be resumed; None if the checkpoint is only measured.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        saved = checkpoint["hyper_parameters"]
        saved_data = checkpoint["datamodule_hyper_parameters"]
    except Exception as error:  # whatever a broken file makes torch raise
        fail(f"ckpt_path: {path!r} given, not a readable checkpoint of this program ({error!r:.200})")
    given = dict(module.hparams)
    if max_steps is None:
        shape = [name for name in SHAPE if name in given or name in saved]
        compare("model", path, *({name: part.get(name) for name in shape} for part in (given, saved)))
    else:
        compare("model", path, given, saved)
        compare("data", path, dict(data.hparams), saved_data)
        if module.rule.schedule is not None:
            compare("trainer", path, {"max_steps": max_steps}, {"max_steps": checkpoint.get("max_steps")})
    compare("data", path, {"alphabet": task.alphabet}, {"alphabet": checkpoint.get("alphabet")})
