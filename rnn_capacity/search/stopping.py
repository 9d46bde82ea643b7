"""How a search ends when it is told to."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from rnn_capacity.callbacks.stopping import by_agent

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 75}
"""What the program ends with after a signal, of several the last of these: as shells have it, and 75, a temporary
failure, where a machine is about to go and the search goes on elsewhere."""


def exit_code(name: str, sweeps: bool) -> int:
    """What the program ends with after a signal.

    Args:
        name: The signal's.
        sweeps: Whether there is a W&B run, whose sweep ends it with SIGTERM as one that is good enough: the run is then
            a finished one, as one of `fit` is.
    """
    return 0 if sweeps and name == "SIGTERM" else EXIT_CODES[name]


class Stopped(Exception):
    """The search was told to end. Its running trials are given back."""


class StopRequest:
    """Notices signals, so that a search ends between two steps and gives its trials back; a second SIGINT ends at once.

    Args:
        at_once: Called before the process ends at once.
        says: Whether the first signal is answered with a line, since the end may take a while.
    """

    def __init__(self, at_once: Callable[[], None] = lambda: None, says: bool = False) -> None:
        self.at_once = at_once
        self.says = says
        self.received: str | None = None
        self._interrupted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        """Take the signals over; only a process's main thread can."""
        if threading.current_thread() is threading.main_thread():
            for name in EXIT_CODES:
                if hasattr(signal, name):  # Windows has no SIGUSR1
                    number = signal.Signals[name]
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name == "SIGINT" and by_agent():  # W&B's own; see `StopOnSignal`
            name = "SIGTERM"
        if name == "SIGINT" and self._interrupted:
            self.at_once()
            os._exit(EXIT_CODES[name])
        self._interrupted |= name == "SIGINT"
        if self.says and self.received is None:
            os.write(2, f"\nrnn-capacity: {name}: ends after the steps under way\n".encode())
        ranks = list(EXIT_CODES)
        if self.received is None or ranks.index(name) > ranks.index(self.received):
            self.received = name

    def check(self) -> None:
        """End here if a signal came.

        Raises:
            Stopped: If one did.
        """
        if self.received is not None:
            raise Stopped(self.received)
