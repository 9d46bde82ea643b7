"""The checkpoint that a run resumes from."""

from __future__ import annotations

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint


class LastCheckpoint(ModelCheckpoint):
    """Saves `last.ckpt` at every validation and where a training ends early.

    An error in one of several processes saves none: saving exchanges data between processes, and the others, which
    have not failed, would wait forever.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=LastCheckpoint())
        >>> trainer.checkpoint_callback.save_last
        True
    """

    def __init__(self) -> None:
        # the end of an epoch is the end of the run
        super().__init__(save_last=True, save_on_exception=True, save_on_train_epoch_end=False)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save a checkpoint if all processes end together, as after `StopOnSignal`."""
        if trainer.world_size == 1 or isinstance(exception, SystemExit):
            super().on_exception(trainer, pl_module, exception)
