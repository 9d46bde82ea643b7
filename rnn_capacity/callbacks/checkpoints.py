"""The checkpoint that a run resumes from."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint


class LastCheckpoint(ModelCheckpoint):
    """Saves `last.ckpt` at every validation, at the end of a training, and where a training ends early.

    It also follows every checkpoint of another callback, so that no other is newer. Another ModelCheckpoint that would
    write the same file leaves it to this one. A run that resumes from its own `last.ckpt` makes no more steps if a
    callback, such as EarlyStopping, had ended its training.

    An error in one of several processes saves none: saving exchanges data between processes, and the others, which
    have not failed, would wait forever.

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
        """Find the folder, and keep other callbacks from writing `last.ckpt` in it."""
        super().setup(trainer, pl_module, stage)
        for other in trainer.checkpoint_callbacks:
            if (
                isinstance(other, ModelCheckpoint)
                and self.filename == other.CHECKPOINT_NAME_LAST
                and other.dirpath == self.dirpath
            ):
                other.save_last = None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remember the step of a checkpoint of any callback; store whether the training was told to stop."""
        self.saved_at = trainer.global_step
        checkpoint["stopped"] = trainer.should_stop

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Stop where the run itself had stopped; another run may go on from the checkpoint."""
        own = Path(self.format_checkpoint_name({})).resolve()
        if checkpoint.get("stopped") and Path(str(trainer.ckpt_path)).resolve() == own:
            trainer.should_stop = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Follow the checkpoint that another callback saved after the previous call."""
        if self.saved_at == trainer.global_step > 0:
            super().on_validation_end(trainer, pl_module)  # saves unless it has saved this step

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the end of the training, whenever the last validation was."""
        path = self.format_checkpoint_name({})
        trainer.save_checkpoint(path)
        self.best_model_path = path
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.after_save_checkpoint(weakref.proxy(self))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save a checkpoint if all processes end together, as after `StopOnSignal`, unless saving failed."""
        if not isinstance(exception, OSError) and (trainer.world_size == 1 or isinstance(exception, SystemExit)):
            super().on_exception(trainer, pl_module, exception)
