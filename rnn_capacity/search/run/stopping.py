"""Ends a search after a signal."""

from __future__ import annotations

import os
from collections.abc import Callable
from signal import signal
from types import TracebackType
from typing import Any

from rnn_capacity.signals import EXIT_CODES, SignalRecorder, exit_code


class Stopped(Exception):
    """Ends a search after a signal; its running trials are given back."""


class WorkerFailedError(Exception):
    """Ends a worker that can create no network for a reason of its own; its trials are given back."""


class StopRequest(SignalRecorder):
    """A context that records signals, so that a search ends between two steps and gives its trials back.

    Args:
        before_exit: Called before a second SIGINT ends the process.
        prints: Whether the first signal is answered with a line, since the end may take a while.
    """

    def __init__(self, before_exit: Callable[[], None] = lambda: None, prints: bool = False) -> None:
        super().__init__()
        self.before_exit = before_exit
        self.prints = prints
        self._replaced: dict[int, Any] = {}

    def end_at_once(self) -> None:
        """End the process at once."""
        self.before_exit()
        os._exit(exit_code("SIGINT", "search"))

    def __enter__(self) -> StopRequest:
        """Install the signal handlers."""
        self._replaced = self.listen(*EXIT_CODES)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Restore the replaced signal handlers."""
        for number, handler in self._replaced.items():
            signal(number, handler)

    def record(self, name: str) -> None:
        """Record a signal, and print a line at the first one."""
        if self.prints and self.received is None:
            os.write(2, f"\nrnn-capacity: {name}: ends after the steps under way\n".encode())
        super().record(name)

    def check(self) -> None:
        """End the search if a signal came.

        Raises:
            Stopped: If one did.
        """
        if self.received is not None:
            raise Stopped(self.received)
