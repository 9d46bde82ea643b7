"""The callback that ends training after a signal, between two `training_step` calls and in all processes alike."""

from __future__ import annotations

import signal
import sys
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from rnn_capacity.signals import EXIT_CODES, RANKS, SignalRecorder, exit_code, started_by_agent
from rnn_capacity.wandb_runs import mark_preempting


class StopOnSignal(Callback):
    """Ends training before the next `training_step` if any process received a signal, with the signal's exit code.

    `LastCheckpoint` then saves `last.ckpt`. Lightning's own handler broadcasts inside the signal handler, where another
    exchange between processes may be under way. A signal after the training does not prevent the final evaluation. A
    second SIGINT ends the training at once. On SLURM Lightning's handler stays, since it also requeues the job.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> stop = StopOnSignal()
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=stop)
        >>> stop.signals.received is None
        True
    """

    def __init__(self) -> None:
        self.signals = SignalRecorder()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replace Lightning's signal handlers by one that only records the signal.

        Lightning restores the original ones after the training.
        """
        self._listen(*EXIT_CODES)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record SIGTERM, SIGUSR1 and, under a W&B agent, SIGINT without ending the final evaluation."""
        self._listen("SIGTERM", "SIGUSR1", *(["SIGINT"] if started_by_agent() else []))

    def _listen(self, *names: str) -> None:
        preemption = getattr(signal, "SIGUSR1", None)  # Windows has none
        slurm = preemption is not None and signal.getsignal(preemption) is not signal.SIG_DFL
        if started_by_agent() or not slurm:
            self.signals.listen(*names)

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """End training if any process received a signal.

        Raises:
            SystemExit: With the signal's exit code; with 0 in the processes that Lightning started, since for any other
                code it would kill the process that started them.
        """
        received = RANKS.index(self.signals.received)
        if trainer.world_size > 1:
            strongest: Any = trainer.strategy.reduce(
                torch.tensor(received, device=trainer.strategy.root_device), reduce_op="max"
            )
            received = int(strongest)
        name = RANKS[received]
        if name is None:
            return
        if trainer.is_global_zero:
            print(f"rnn-capacity: {name} after {trainer.global_step} optimizer steps", file=sys.stderr)
        if name == "SIGUSR1":
            mark_preempting(trainer.loggers)
        raise SystemExit(exit_code(name, "fit") if trainer.local_rank == 0 else 0)
