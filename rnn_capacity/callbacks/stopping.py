"""How a run ends when it is told to: at a whole number of calls, with a checkpoint, on all processes alike."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from rnn_capacity.callbacks.wandb_run import mark_preempting

EXIT_CODES = {
    "SIGINT": 130,  # as shells have it
    "SIGTERM": 0,  # what ends a sweep's run early; it is not to be run again
    "SIGUSR1": 75,  # a temporary failure: the machine is about to go, and the run goes on elsewhere
}
"""What a process ends with after a signal; of several, the last of these counts."""


class StopOnSignal(Callback):
    """Stops a training before its next call once any of its processes got a signal; saves `last.ckpt` and exits.

    Lightning's own way broadcasts inside the signal handler, where another exchange between processes may be under way.
    A signal that comes after the training is no reason to leave the run without its final figures. A second SIGINT
    ends it at once. On SLURM Lightning's own way stays, since it asks for a new job, too. A run of a W&B agent is
    stopped by the agent's SIGTERM and by its own SIGINT, in any order, and never by a terminal's: there both are one.
    """

    def __init__(self) -> None:
        self.received = 0  # the place in EXIT_CODES of the last of those that came, from 1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals over from Lightning, which gives them back to whoever had them once it is done."""
        self._listen(*EXIT_CODES)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the final evaluation come to its end."""
        self._listen("SIGTERM", "SIGUSR1", *(["SIGINT"] if by_agent() else []))

    def _listen(self, *names: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        preemption = getattr(signal, "SIGUSR1", None)  # Windows has none
        if preemption is not None and signal.getsignal(preemption) is not signal.SIG_DFL and not by_agent():  # SLURM
            return
        for name in names:
            if hasattr(signal, name):
                signal.signal(signal.Signals[name], self._receive)

    def _receive(self, number: int, frame: Any) -> None:
        name = signal.Signals(number).name
        if name == "SIGINT" and by_agent():
            name = "SIGTERM"
        elif name == "SIGINT":
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.received = max(self.received, 1 + list(EXIT_CODES).index(name))

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Stop here if any process is to.

        Raises:
            SystemExit: With the signal's code; with 0 in the processes that Lightning started, since it would kill the
                one that started them for any other.
        """
        received = self.received
        if trainer.world_size > 1:
            highest: Any = trainer.strategy.reduce(
                torch.tensor(received, device=trainer.strategy.root_device), reduce_op="max"
            )
            received = int(highest)
        if not received:
            return
        name = list(EXIT_CODES)[received - 1]
        if trainer.is_global_zero:
            print(f"rnn-capacity: {name} after {trainer.global_step} optimizer steps", file=sys.stderr)
        if name == "SIGUSR1":
            mark_preempting(trainer.loggers)
        raise SystemExit(EXIT_CODES[name] if trainer.local_rank == 0 else 0)


def by_agent() -> bool:
    """Whether a W&B agent has started this run."""
    return "WANDB_SWEEP_ID" in os.environ
