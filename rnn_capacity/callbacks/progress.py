"""The progress bar that counts the optimizer steps of a run."""

from __future__ import annotations

import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm


class RunProgressBar(TQDMProgressBar):
    """Progress bar that counts the optimizer steps of a run.

    Lightning's own bar counts calls of `training_step`, of several optimizer steps each.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=RunProgressBar())
        >>> trainer.progress_bar_callback.is_enabled
        True
    """

    def init_train_tqdm(self) -> Tqdm:
        """Return the training bar, redrawn every 0.1 seconds in a terminal and every 10 seconds in a log file."""
        bar = super().init_train_tqdm()
        bar.mininterval = 0.1 if sys.stdout.isatty() else 10.0
        return bar

    def init_validation_tqdm(self) -> Tqdm:
        """Return a disabled bar for validation and test, which are single calls."""
        return Tqdm(disable=True)

    init_test_tqdm = init_validation_tqdm

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the metrics shown beside the bar, without the logger's version number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Set the bar's total to `max_steps` and its position to the optimizer steps made before a resume."""
        super().on_train_start(trainer, *_)
        self.train_progress_bar.reset(total=trainer.max_steps)
        self.train_progress_bar.update(trainer.global_step)
        self.train_progress_bar.initial = trainer.global_step
        self.train_progress_bar.set_description("Training")

    def on_train_epoch_start(self, *_: Any) -> None:
        """Do nothing: Lightning would reset the bar at each epoch, and a run is one epoch."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move the bar to the number of optimizer steps made, and show the latest metrics."""
        bar = self.train_progress_bar
        bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
        bar.update(trainer.global_step - bar.n)
