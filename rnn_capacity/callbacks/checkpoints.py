"""The checkpoint that a run goes on from."""

from __future__ import annotations

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint


class LastCheckpoint(ModelCheckpoint):
    """Keeps `last.ckpt`: at every validation, and where a training ends early.

    An error of one process among several ends it without: the others do not come to the exchanges that saving takes,
    and all would wait forever.
    """

    def __init__(self) -> None:
        # the end of an epoch is the end of the run
        super().__init__(save_last=True, save_on_exception=True, save_on_train_epoch_end=False)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save where all processes end, as `StopOnSignal` has them do."""
        if trainer.world_size == 1 or isinstance(exception, SystemExit):
            super().on_exception(trainer, pl_module, exception)
