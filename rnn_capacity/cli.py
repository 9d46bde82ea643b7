"""The command line: Lightning's, over this package's tasks."""

from __future__ import annotations

import os
import secrets
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.cli import LightningCLI
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

import rnn_capacity.tasks  # noqa: F401 (short class names resolve for what is imported)
from rnn_capacity.callbacks import RunProgressBar, RunRecord
from rnn_capacity.training import RecurrentModule, TaskData


class CapacityCLI(LightningCLI):
    """Lightning's command line over the tasks of this package."""

    def add_arguments_to_parser(self, parser: Any) -> None:
        """The network's sizes come from the data."""
        for size in ("input_size", "output_size"):
            parser.link_arguments(f"data.{size}", f"model.init_args.{size}", apply_on="instantiate")

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """What a run can do."""
        return {name: skipped for name, skipped in LightningCLI.subcommands().items() if name != "predict"}

    def _parse_ckpt_path(self) -> None:
        pass

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """A trainer whose first logger writes the run directory."""
        config = self._get(self.config_init, "trainer")
        logger = config["logger"]
        if logger is not False:
            others = [] if logger in (None, True) else list(logger) if isinstance(logger, (list, tuple)) else [logger]
            stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{self.model.cell}-{secrets.token_hex(4)}"
            root = config["default_root_dir"] or "runs"
            kwargs["logger"] = [CSVLogger(root, name="random_mapping", version=stamp), *others]
        return super().instantiate_trainer(**kwargs)

    def after_fit(self) -> None:
        """Evaluate the trained network."""
        self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)


def main(argv: list[str] | None = None) -> None:
    CapacityCLI(
        RecurrentModule,
        TaskData,
        RunRecord,
        trainer_defaults={
            "callbacks": [RunProgressBar(), ModelCheckpoint(save_last=True, save_on_exception=True)],
            "num_sanity_val_steps": 0,
        },
        seed_everything_default=False,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        args=argv,
    )
