"""The callback that writes `config.yaml` and `summary.json` to a run's directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback
from pytorch_lightning.loggers import CSVLogger

from rnn_capacity.files import write_atomically
from rnn_capacity.runs import RunLogger, print_summary, run_sizes, run_summary, write_summary


class RunRecord(SaveConfigCallback):
    """Writes `config.yaml` at the start of a run, and `summary.json` after its final evaluation.

    The directory is that of the trainer's CSVLogger, which writes `metrics.csv`. Every other logger gets the config and
    the sizes as hyperparameters. All loggers get the final metrics once, as `final/<key of summary.json>`.

    Args:
        *args: The parser and the parsed config, which LightningCLI gives.
        **kwargs: Further arguments of Lightning's SaveConfigCallback.

    Example:
        >>> from jsonargparse import Namespace
        >>> from pytorch_lightning.cli import LightningArgumentParser
        >>> record = RunRecord(LightningArgumentParser(), Namespace())
        >>> record.seconds
        0.0
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "save_to_log_dir": False})
        self.started = 0.0
        self.seconds = 0.0
        self.resumed_at: int | None = None

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Start measuring wall time, and write the config unless this trainer has written it before."""
        self.started = time.perf_counter()
        if trainer.is_global_zero and not self.already_saved:
            self.save_config(trainer, pl_module, stage)
            self.already_saved = True

    def save_config(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Write `config.yaml` to the run's directory; log the config and the network's sizes to the other loggers."""
        config = self.config.clone()
        config.pop("run", None)  # a run of this config gets a directory of its own
        text = self.parser.dump(config, skip_unset=False)
        task = trainer.datamodule.task  # type: ignore[attr-defined]  # set undeclared by Lightning
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                directory = Path(logger.log_dir)
                directory.mkdir(parents=True, exist_ok=True)
                write_atomically(directory / "config.yaml", text)
            else:
                logger.log_hyperparams({**yaml.safe_load(text), **run_sizes(pl_module, task)})

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the wall time of this `fit` to the run's total, which includes that before a resume."""
        now = time.perf_counter()
        self.seconds += now - self.started
        self.started = now

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Store the run's wall time so far in a checkpoint, and write the metrics logged before it to `metrics.csv`."""
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.save()
        checkpoint["seconds"] = self.seconds + time.perf_counter() - self.started

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the wall time and the optimizer step of the run that is resumed."""
        if trainer.state.fn == "fit":
            self.seconds = checkpoint.get("seconds", 0.0)
            self.resumed_at = checkpoint["global_step"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the rows of `metrics.csv` after the checkpoint, which the resumed run logs again."""
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.resume_at(self.resumed_at)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print the summary of the run after the final evaluation."""
        self._write_summary(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print the summary if the command is `validate`; validations during training write none."""
        if trainer.state.fn == "validate":
            self._write_summary(trainer, pl_module)

    def _write_summary(self, trainer: Trainer, pl_module: Any) -> None:
        self.seconds += time.perf_counter() - self.started
        if not trainer.is_global_zero:
            return
        summary = run_summary(pl_module, self.seconds)
        metrics = {f"final/{key}": value for key, value in summary.items() if isinstance(value, (bool, int, float))}
        directory = None
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=pl_module.steps_trained)
            if isinstance(logger, CSVLogger):
                directory = Path(logger.log_dir)
                logger.save()
                write_summary(directory, summary)
        print_summary(summary, directory)
