"""Repeats storage calls that fail with transient errors, such as a locked database."""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Largest number of seconds to wait before the first repetition of a failed call, and before each later one."""

TRANSIENT_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CONSTRAINT}
"""SQLite error codes after which a call is repeated: a lock of another connection, or a row that another one inserted
first."""

TRANSIENT_GRPC = {"UNAVAILABLE", "UNKNOWN"}
"""gRPC status codes after which a call is repeated: an unreachable server, or an error of the database behind it."""


class StorageError(Exception):
    """Raised if a storage fails permanently, or for longer than calls are repeated; the message is one line.

    Example:
        >>> raise StorageError("storage sqlite:///a.db failed: disk I/O error")
        Traceback (most recent call last):
        ...
        rnn_capacity.studies.storage_errors.StorageError: storage sqlite:///a.db failed: disk I/O error
    """


def retry_transient(work: Callable[[], T], storage: str, retry_seconds: float) -> T:
    """Call a function that accesses a storage, and repeat the call while it fails with a transient error.

    Args:
        work: The call. It is also repeated where it took effect but its answer was lost.
        storage: The storage's name in the message.
        retry_seconds: Seconds after which the call is not repeated.

    Returns:
        What `work` returns.

    Raises:
        StorageError: If the error is not transient, or lasts longer than `retry_seconds`.
    """
    begin, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return work()
        except storage_failures() as error:
            waited = time.monotonic() - begin
            transient = is_transient(error)
            if not transient or waited >= retry_seconds:
                lasted = f" for {waited:.0f} seconds" if transient else ""
                raise StorageError(
                    f"storage {storage} failed{lasted}: {reason(error)}; the trials that were finished before are "
                    "kept, start again to go on"
                ) from error
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE)


def storage_failures() -> tuple[type[Exception], ...]:
    """Return the exception types that a failing storage raises: Optuna's, SQLAlchemy's and, if imported, gRPC's."""
    grpc = sys.modules.get("grpc")
    return (StorageInternalError, SQLAlchemyError, *([grpc.RpcError] if grpc else []))


def is_transient(error: BaseException) -> bool:
    """Return whether a storage error is transient, such as a lock, so that the same call may succeed later."""
    for cause in causes(error):
        if isinstance(cause, DBAPIError):
            code = getattr(cause.orig, "sqlite_errorcode", None)
            if code is not None:
                passes = code & 0xFF in TRANSIENT_SQLITE
            else:  # PostgreSQL: unreachable, busy, or rolled back in favour of another transaction
                passes = isinstance(cause, OperationalError | InterfaceError | IntegrityError)
            # two processes that open an empty database at the same moment make the same tables
            return passes or cause.connection_invalidated or "already exists" in str(cause.orig)
        if callable(code := getattr(cause, "code", None)):  # gRPC's; SQLAlchemy's errors have a text of that name
            return code().name in TRANSIENT_GRPC
    return False


def reason(error: BaseException) -> str:
    """Return the first line of the error message of the database or gRPC server that caused an exception."""
    *_, last = causes(error)
    message = last.details() if hasattr(last, "details") else getattr(last, "orig", last)
    return (str(message).strip() or type(last).__name__).splitlines()[0]


def causes(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception and its chained causes, up to the error of SQLAlchemy or gRPC."""
    current: BaseException | None = error
    while current is not None:
        yield current
        is_last = isinstance(current, DBAPIError) or hasattr(current, "details")
        current = None if is_last else current.__cause__ or current.__context__
