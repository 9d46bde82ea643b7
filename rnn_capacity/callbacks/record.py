"""The callback that writes the files of a run's directory."""

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
        """Start the clock, and save the config unless this trainer has done so."""
        self.started = time.perf_counter()
        if trainer.is_global_zero and not self.already_saved:
            self.save_config(trainer, pl_module, stage)
            self.already_saved = True

    def save_config(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Write the config to the run's directory, and log it with the run's sizes to the other loggers."""
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
        """Add the duration of this training to the seconds of the run."""
        now = time.perf_counter()
        self.seconds += now - self.started
        self.started = now

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Store the seconds of the run so far, and write the metrics that a resumed run keeps."""
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.save()
        checkpoint["seconds"] = self.seconds + time.perf_counter() - self.started

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the seconds of a resumed run."""
        if trainer.state.fn == "fit":
            self.seconds = checkpoint.get("seconds", 0.0)
            self.resumed_at = checkpoint["global_step"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the metrics that a resumed run logs again."""
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.resume_at(self.resumed_at)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the summary."""
        self._write_summary(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the summary of the command `validate`."""
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
