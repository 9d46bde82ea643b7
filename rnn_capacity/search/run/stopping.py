"""Stops a search after a signal such as SIGINT or SIGTERM, so that its running trials can be claimed again."""

from __future__ import annotations

import os
from collections.abc import Callable
from signal import signal
from types import TracebackType
from typing import Any

from rnn_capacity.signals import EXIT_CODES, SignalRecorder, exit_code


class Stopped(Exception):
    """Raised to end a search after a signal, whereupon its unfinished trials return to the study's queue."""


class WorkerFailedError(Exception):
    """Raised if a worker cannot create networks because of its machine, for example a full disk."""


class StopRequest(SignalRecorder):
    """Context manager that records signals such as SIGINT, so that a search can end between two optimizer steps.

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
        """Exit the process immediately, after a second SIGINT, with the exit code of an interrupted search."""
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
        """Raise `Stopped` if a signal has been recorded.

        Raises:
            Stopped: If a signal has been recorded.
        """
        if self.received is not None:
            raise Stopped(self.received)
