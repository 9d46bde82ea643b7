"""The callback that saves `last.ckpt`, the checkpoint that a run resumes from."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint, Timer


class LastCheckpoint(ModelCheckpoint):
    """Saves `last.ckpt` at every validation, at the end of training, and when training is interrupted.

    It also saves after another callback has saved a checkpoint, so that `last.ckpt` is never the older one. Another
    ModelCheckpoint that would write the same file leaves it to this one. A run that resumes from its own `last.ckpt`
    makes no more steps if a callback, such as EarlyStopping, had ended its training.

    With several processes, an error in one of them saves no checkpoint: saving exchanges data between processes, and
    the others, which have not failed, would wait forever.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=LastCheckpoint())
        >>> trainer.checkpoint_callback.filename
        'last'
    """

    def __init__(self) -> None:
        # the best checkpoint without a metric is the latest; the end of an epoch is the end of the run
        super().__init__(
            filename="last", save_on_exception=True, save_on_train_epoch_end=False, enable_version_counter=False
        )
        self.saved_at = 0
        """Optimizer steps of the last checkpoint, whichever callback saved it."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the folder of `last.ckpt`, and keep other ModelCheckpoint callbacks from writing the same file."""
        super().setup(trainer, pl_module, stage)
        for other in trainer.checkpoint_callbacks:
            if (
                isinstance(other, ModelCheckpoint)
                and self.filename == other.CHECKPOINT_NAME_LAST
                and other.dirpath == self.dirpath
            ):
                other.save_last = None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Store in each checkpoint whether the trainer was told to stop, and remember the checkpoint's step.

        A run that only had no time left goes on where it has more.
        """
        self.saved_at = trainer.global_step
        callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set undeclared by Lightning
        left = [timer.time_remaining() for timer in callbacks if isinstance(timer, Timer)]
        out_of_time = any(seconds is not None and seconds <= 0 for seconds in left)
        checkpoint["stopped"] = trainer.should_stop and not out_of_time

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Stop the trainer if the run resumes from its own `last.ckpt` and a callback had stopped it there."""
        own = Path(self.format_checkpoint_name({})).resolve()
        if checkpoint.get("stopped") and Path(str(trainer.ckpt_path)).resolve() == own:
            trainer.should_stop = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save `last.ckpt`, too, if another callback saved a checkpoint after the latest optimizer step."""
        if self.saved_at == trainer.global_step > 0:
            super().on_validation_end(trainer, pl_module)  # saves unless it has saved this step

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save `last.ckpt` at the end of training, even if no validation follows the last optimizer step."""
        path = self.format_checkpoint_name({})
        trainer.save_checkpoint(path)
        self.best_model_path = path
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.after_save_checkpoint(weakref.proxy(self))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save `last.ckpt` after an exception that ends all processes, such as `StopOnSignal` raises.

        A checkpoint that could not be written (OSError) is not tried again.
        """
        if not isinstance(exception, OSError) and (trainer.world_size == 1 or isinstance(exception, SystemExit)):
            super().on_exception(trainer, pl_module, exception)
