"""The signals that end `fit` and `search` early: their order, their exit codes and the handler that records them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Literal, NamedTuple


class ExitCodes(NamedTuple):
    """Exit codes of the two commands after a signal."""

    fit: int
    search: int


EXIT_CODES = {
    "SIGINT": ExitCodes(fit=130, search=130),  # 128 + 2, as shells report an interrupted process
    # a sweep ends a run of fit that is good enough, and does not repeat it; a search that ends early lacks trials,
    # so its code is the shells' 128 + 15
    "SIGTERM": ExitCodes(fit=0, search=143),
    "SIGUSR1": ExitCodes(fit=75, search=75),  # EX_TEMPFAIL: the machine is taken away, the work continues elsewhere
}
"""Exit codes by signal, from the weakest signal to the strongest; of several signals the strongest counts."""


def exit_code(name: str, command: Literal["fit", "search"], wandb_run: bool = False) -> int:
    """Return the exit code of a command after a signal.

    Args:
        name: Name of the signal.
        command: The command.
        wandb_run: Whether a W&B run records the exit code; its sweep ends it with SIGTERM as good enough: code 0.
    """
    code: int = getattr(EXIT_CODES[name], command)
    return 0 if wandb_run and name == "SIGTERM" else code


def strength(name: str | None) -> int:
    """Return the rank of a signal, from 1; 0 stands for no signal."""
    return 0 if name is None else 1 + list(EXIT_CODES).index(name)


def started_by_agent() -> bool:
    """Return whether a W&B agent started this process."""
    return "WANDB_SWEEP_ID" in os.environ


class SignalRecorder:
    """Records the strongest signal that this process received, so that its work can end between two steps.

    A second SIGINT ends the process at once, except under a W&B agent: there SIGINT counts as SIGTERM, since the agent
    sends SIGTERM and W&B's own thread SIGINT for the same stop, in any order, and no terminal is attached.

    Args:
        end_at_once: Called at the second SIGINT.
    """

    def __init__(self, end_at_once: Callable[[], object]) -> None:
        self.received: str | None = None
        self._end_at_once = end_at_once
        self._interrupted = False

    def listen(self, *names: str) -> dict[int, Any]:
        """Install the handler, which only a process's main thread can do.

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
        if name == "SIGINT":
            if self._interrupted:
                self._end_at_once()
            self._interrupted = True
        self._record(name)

    def _record(self, name: str) -> None:
        self.received = max(self.received, name, key=strength)
