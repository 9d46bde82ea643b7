"""A thread that stores heartbeats, by which other workers see that this one is alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnn_capacity.studies.storage_errors import StorageError

AFTER_FAILURE = 1.0
"""Seconds after which a heartbeat that could not be stored is tried again, and the longest wait for the thread to
end."""


@contextmanager
def heartbeat(beat: Callable[[], None], interval: float) -> Iterator[None]:
    """Open a context in which a daemon thread sends a heartbeat at once and then at every interval.

    A storage that fails does not end the thread; the worker hears of the failure from its own calls.

    Args:
        beat: Sends a heartbeat.
        interval: Seconds from one heartbeat to the next.
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
