"""The progress bar of a training."""

from __future__ import annotations

import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm


class RunProgressBar(TQDMProgressBar):
    """Shows the optimizer steps of a run; Lightning's own bar counts calls of `training_step`, of several steps each.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=RunProgressBar())
        >>> trainer.progress_bar_callback.is_enabled
        True
    """

    def init_train_tqdm(self) -> Tqdm:
        """Return the bar of the run; a log file gets a line every ten seconds."""
        bar = super().init_train_tqdm()
        bar.mininterval = 0.1 if sys.stdout.isatty() else 10.0
        return bar

    def init_validation_tqdm(self) -> Tqdm:
        """Return a disabled bar: a validation is one call."""
        return Tqdm(disable=True)

    init_test_tqdm = init_validation_tqdm

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the metrics that are logged for the bar, without the version of the logger."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Set the bar to the optimizer steps of the run; a resumed run starts where it stopped."""
        super().on_train_start(trainer, *_)
        self.train_progress_bar.reset(total=trainer.max_steps)
        self.train_progress_bar.update(trainer.global_step)
        self.train_progress_bar.initial = trainer.global_step
        self.train_progress_bar.set_description("Training")

    def on_train_epoch_start(self, *_: Any) -> None:
        """Keep the bar: the one epoch is the whole run."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move the bar to the optimizer steps made."""
        bar = self.train_progress_bar
        bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
        bar.update(trainer.global_step - bar.n)
