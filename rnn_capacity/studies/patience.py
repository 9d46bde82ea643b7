"""What a storage's errors mean: which pass by themselves, and what to say of those that do not."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between the first two attempts, and between the last."""

PASSING_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
"""Another connection holds the lock."""

PASSING_STATES = ("08", "40", "53300", "55P03", "57P", "25P03")
"""Beginnings of PostgreSQL's codes for: connection lost, rolled back for another transaction, too many connections, a
lock not had in time, the server stops or starts, the transaction idle for too long."""

FAILURES = (SQLAlchemyError, StorageInternalError, sqlite3.Error)
"""What Optuna, SQLAlchemy and sqlite3 raise when a storage fails."""


class StorageError(Exception):
    """A storage that failed for longer than a worker waits, or for good; its text is one line."""


def patiently(work: Callable[[], T], storage: str, patience: float, cause: Callable[[], BaseException | None]) -> T:
    """Do something with a storage, again while it fails for reasons that pass.

    Args:
        work: What to do; done anew from its beginning each time, so it must leave nothing behind where it fails.
        storage: The storage's name in the message.
        patience: Seconds after which nothing is tried again.
        cause: The first error that the database itself gave during the last attempt, if known.

    Returns:
        What `work` returns.

    Raises:
        StorageError: If the reason does not pass, or not in time.
    """
    begin, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return work()
        except FAILURES as error:
            first = cause() or error
            waited = time.monotonic() - begin
            if not passes(first):
                raise StorageError(f"storage {storage} failed: {reason(first)}; {KEPT}") from error
            if waited >= patience:
                raise StorageError(
                    f"storage {storage} failed for {waited:.0f} seconds: {reason(first)}; {KEPT}"
                ) from error
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE)


KEPT = "the trials that were finished before are kept, start again to go on"


def passes(error: BaseException) -> bool:
    """Whether the same may work a little later."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    for source in sources(error):
        if isinstance(source, sqlite3.Error):
            code: int | None = getattr(source, "sqlite_errorcode", None)
            return code is not None and code & 0xFF in PASSING_SQLITE
        state: str | None = getattr(source, "sqlstate", None) or getattr(source, "pgcode", None)
        if state is not None:
            return state.startswith(PASSING_STATES)
        # a PostgreSQL driver has no code for what the server did not say: it was out of reach
        if type(source).__module__.startswith("psycopg"):
            return type(source).__name__ in {"OperationalError", "InterfaceError"}
    return False


def reason(error: BaseException) -> str:
    """The first line of what the database itself says."""
    told = next((source for source in sources(error) if not isinstance(source, FAILURES[:2])), error)
    return (str(told).strip() or type(told).__name__).splitlines()[0]


def sources(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the driver's own error among them."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, DBAPIError) and current.orig is not None:
            yield current.orig
        yield current
        current = current.__cause__ or current.__context__
