"""A thread that repeats a worker's sign of life."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnn_capacity.studies.retrying import StorageError

AFTER_FAILURE = 1.0
"""Seconds after which a sign that could not be stored is repeated, and for which the end of the thread is awaited."""


@contextmanager
def heartbeat(beat: Callable[[], None], interval: float) -> Iterator[None]:
    """Open a context in which a daemon thread gives a sign of life at once and then at every interval.

    A storage that fails does not end the thread; the worker hears of the failure from its own calls.

    Args:
        beat: Gives the sign.
        interval: Seconds from one sign to the next.
    """
    stop = threading.Event()

    def run() -> None:
        pause = 0.0
        while not stop.wait(pause):
            try:
                beat()
                pause = interval
            except StorageError:
                pause = min(AFTER_FAILURE, interval)

    thread = threading.Thread(target=run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=AFTER_FAILURE)  # a thread that waits for a storage out of reach ends by itself, later
