"""Repetition of storage calls that fail for reasons that pass."""

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
"""Seconds between the first two attempts, and between the last."""

TRANSIENT_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CONSTRAINT}
"""SQLite's codes for a lock that another connection holds, and for a row that another one made at the same moment."""

TRANSIENT_GRPC = {"UNAVAILABLE", "UNKNOWN"}
"""gRPC's codes for a server out of reach, and for an error of the database behind it, of which it tells no more."""


class StorageError(Exception):
    """A storage failed for good, or for longer than calls are repeated; the text is one line.

    Example:
        >>> raise StorageError("storage sqlite:///a.db failed: disk I/O error")
        Traceback (most recent call last):
        ...
        rnn_capacity.studies.retrying.StorageError: storage sqlite:///a.db failed: disk I/O error
    """


def retry_transient(work: Callable[[], T], storage: str, retry_seconds: float) -> T:
    """Call a storage, and repeat the call while it fails for reasons that pass.

    Args:
        work: The call. It is repeated, too, where it had its effect and the answer got lost.
        storage: The storage's name in the message.
        retry_seconds: Seconds after which the call is not repeated.

    Returns:
        What `work` returns.

    Raises:
        StorageError: If the reason does not pass, or not in time.
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
    """List the exceptions of a storage that fails: Optuna's, SQLAlchemy's and, where it is installed, gRPC's."""
    grpc = sys.modules.get("grpc")
    return (StorageInternalError, SQLAlchemyError, *([grpc.RpcError] if grpc else []))


def is_transient(error: BaseException) -> bool:
    """Tell whether the same call may work a little later."""
    for cause in causes(error):
        if isinstance(cause, DBAPIError):
            code = getattr(cause.orig, "sqlite_errorcode", None)
            if code is not None:
                passes = code & 0xFF in TRANSIENT_SQLITE
            else:  # PostgreSQL: out of reach, busy, or rolled back for another transaction
                passes = isinstance(cause, OperationalError | InterfaceError | IntegrityError)
            # two processes that open an empty database at the same moment make the same tables
            return passes or cause.connection_invalidated or "already exists" in str(cause.orig)
        if hasattr(cause, "code"):
            return cause.code().name in TRANSIENT_GRPC
    return False


def reason(error: BaseException) -> str:
    """Find the first line of what the database or the gRPC server says."""
    *_, last = causes(error)
    told = last.details() if hasattr(last, "details") else getattr(last, "orig", last)
    return (str(told).strip() or type(last).__name__).splitlines()[0]


def causes(error: BaseException) -> Iterator[BaseException]:
    """Go from an error to the one that it came from, up to SQLAlchemy's or gRPC's."""
    current: BaseException | None = error
    while current is not None:
        yield current
        known = isinstance(current, DBAPIError) or hasattr(current, "details")
        current = None if known else current.__cause__ or current.__context__
