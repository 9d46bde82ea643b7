"""The loggers that `--trainer.logger` asks for."""

from __future__ import annotations

from typing import Any

from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import Logger

from rnn_capacity.parsing import OneLineParser
from rnn_capacity.wandb_runs import wandb_loggers


def loggers_of(config: Any) -> list[Logger]:
    """The loggers; the storage holds everything without any, so null, true and false are none.

    Args:
        config: What stands under trainer.logger: a class with its arguments, a list of them, null, true or false.

    Raises:
        ValueError: If one of them refuses its arguments.
    """
    if config is None or isinstance(config, bool):
        return []
    parser = OneLineParser(exit_on_error=False)
    parser.add_argument("--logger", type=Logger)
    try:
        found: list[Logger] = [
            parser.instantiate(parser.parse_object({"logger": one})).logger
            for one in (config if isinstance(config, list) else [config])
        ]
    except (MisconfigurationException, ModuleNotFoundError, ValueError) as error:
        raise ValueError(f"trainer.logger: {error}") from error
    wandb_loggers(found)
    return found
