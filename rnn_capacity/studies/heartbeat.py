"""Signs of life while a batch trains."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from rnn_capacity.studies.patience import StorageError

SOON = 1.0
"""Seconds after which a sign of life that could not be stored is tried again, and until which one is waited for."""


class Heartbeat:
    """A daemon thread that gives a sign of life at once and then again and again, as long as the context lasts.

    A storage that fails does not end it: what the worker wants to store tells of that.

    Args:
        beat: Gives the sign.
        interval: Seconds from one to the next.
    """

    def __init__(self, beat: Callable[[], None], interval: float) -> None:
        self._beat = beat
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat()
            except StorageError:
                self._stop.wait(min(SOON, self._interval))
            else:
                self._stop.wait(self._interval)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        # not for long: where the storage is out of reach, the thread ends when it hears of it
        self._thread.join(timeout=SOON)
