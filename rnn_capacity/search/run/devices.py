"""The devices that a search runs on: one worker each."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer


def devices_of(accelerator: Any, devices: Any) -> list[torch.device]:
    """The devices that Lightning takes for these options of its trainer; on a CPU the same one, as often as arguments.

    They are this process's: of those that a cluster starts beside it, each is a search of its own.

    Raises:
        ValueError: If Lightning refuses them.
    """
    try:
        trainer = Trainer(
            accelerator=accelerator,
            devices=devices,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            plugins=[LightningEnvironment()],
        )
    except (MisconfigurationException, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"trainer: {error}") from error
    kind = trainer.strategy.root_device.type
    return [torch.device(kind) if kind == "cpu" else torch.device(kind, index) for index in trainer.device_ids]
