"""The devices that a search runs on, with one worker each."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer

from rnn_capacity.trainer_options import trainer_error


def select_devices(accelerator: Any, devices: Any) -> list[torch.device]:
    """Select the devices that Lightning's trainer selects for the same options.

    A number of CPU devices is that many times the same device. On a cluster each process is a search of its own, so the
    devices are this process's.

    Args:
        accelerator: `trainer.accelerator`.
        devices: `trainer.devices`.

    Raises:
        ValueError: If Lightning rejects the options.
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
    except (MisconfigurationException, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise trainer_error(error, accelerator=accelerator, devices=devices) from error
    kind = trainer.strategy.root_device.type
    return [torch.device(kind) if kind == "cpu" else torch.device(kind, index) for index in trainer.device_ids]
