"""Selects the torch devices of a search from `trainer.accelerator` and `trainer.devices`; each runs one worker."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from rnn_capacity.population import quiet_trainer
from rnn_capacity.trainer_options import trainer_error


def select_devices(accelerator: Any, devices: Any) -> list[torch.device]:
    """Return the torch devices that Lightning's Trainer would use for these accelerator and devices options.

    For several CPU devices the list repeats the CPU. On a cluster each process is a search of its own, so the
    devices are this process's.

    Args:
        accelerator: `trainer.accelerator`.
        devices: `trainer.devices`.

    Raises:
        ValueError: If Lightning rejects the options.
    """
    try:
        trainer = quiet_trainer(accelerator=accelerator, devices=devices)
    except (MisconfigurationException, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise trainer_error(error, accelerator=accelerator, devices=devices) from error
    kind = trainer.strategy.root_device.type
    return [torch.device(kind) if kind == "cpu" else torch.device(kind, index) for index in trainer.device_ids]
