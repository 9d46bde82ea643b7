"""The signals that end `fit` and `search` early: their order, their exit codes and the handler that records them."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, Literal

EXIT_CODES = {
    "SIGINT": {"fit": 130, "search": 130},  # 128 + 2, as shells report an interrupted process
    # a sweep ends a run of fit that is good enough, and does not repeat it; a search that ends early lacks trials,
    # so its code is the shells' 128 + 15
    "SIGTERM": {"fit": 0, "search": 143},
    "SIGUSR1": {"fit": 75, "search": 75},  # EX_TEMPFAIL: the machine is taken away, the work continues elsewhere
}
"""Exit codes of `fit` and `search` after each signal; the signals are in the order from the weakest to the
strongest."""

RANKS: tuple[str | None, ...] = (None, *EXIT_CODES)
"""Names of the signals from the weakest to the strongest, after None for no signal. Of several signals the strongest
counts."""


def exit_code(name: str, command: Literal["fit", "search"], wandb_run: bool = False) -> int:
    """Return the exit code of `fit` or `search` after a signal.

    Args:
        name: Name of the signal.
        command: The command.
        wandb_run: Whether a W&B run records the exit code; its sweep ends it with SIGTERM as good enough: code 0.
    """
    return 0 if wandb_run and name == "SIGTERM" else EXIT_CODES[name][command]


def started_by_agent() -> bool:
    """Return whether a W&B sweep agent started this process."""
    return "WANDB_SWEEP_ID" in os.environ


class SignalRecorder:
    """Signal handler that records the strongest signal received, so that training can end between two steps.

    A second SIGINT ends the process at once, except under a W&B agent: there SIGINT counts as SIGTERM, since the agent
    sends SIGTERM and W&B's own thread SIGINT for the same stop, in any order, and no terminal is attached.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._interrupted = False

    def listen(self, *names: str) -> dict[int, Any]:
        """Install the handler for some signals, if this is the main thread of the process.

        Args:
            *names: Names of the signals; Windows has no SIGUSR1.

        Returns:
            The replaced handlers by signal number.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        numbers = [signal.Signals[name] for name in names if hasattr(signal, name)]
        return {number: signal.signal(number, self._receive) for number in numbers}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name == "SIGINT" and started_by_agent():
            name = "SIGTERM"
        if name == "SIGINT" and self._interrupted:
            self.end_at_once()
        self._interrupted |= name == "SIGINT"
        self.record(name)

    def record(self, name: str) -> None:
        """Record a signal, unless a stronger one has been recorded before."""
        self.received = max(self.received, name, key=RANKS.index)

    def end_at_once(self) -> None:
        """Raise KeyboardInterrupt, as Python does by default at a SIGINT.

        Raises:
            KeyboardInterrupt: Always.
        """
        raise KeyboardInterrupt
