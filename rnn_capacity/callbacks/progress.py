"""The progress bar."""

from __future__ import annotations

import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm


class RunProgressBar(TQDMProgressBar):
    """Counts optimizer steps, since Lightning's own bar would count calls of several."""

    def init_train_tqdm(self) -> Tqdm:
        """The run's bar; a log file gets a line now and then."""
        bar = super().init_train_tqdm()
        bar.mininterval = 0.1 if sys.stdout.isatty() else 10.0
        return bar

    def init_validation_tqdm(self) -> Tqdm:
        """No bar of its own: a validation is one call."""
        return Tqdm(disable=True)

    def init_test_tqdm(self) -> Tqdm:
        """No bar of its own: a test is one call."""
        return Tqdm(disable=True)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """The metrics marked for the bar, without the run's number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """One bar for the run, which one that goes on fills up to where it was."""
        super().on_train_start(trainer, *_)
        self.train_progress_bar.reset(total=trainer.max_steps)
        self.train_progress_bar.update(trainer.global_step)
        self.train_progress_bar.initial = trainer.global_step
        self.train_progress_bar.set_description("Training")

    def on_train_epoch_start(self, *_: Any) -> None:
        """No bar of its own: an epoch is the run."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move to the optimizer steps made."""
        bar = self.train_progress_bar
        bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
        bar.update(trainer.global_step - bar.n)
