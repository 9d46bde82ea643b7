"""Connects to the database or gRPC server in which Optuna stores studies."""

from __future__ import annotations

import gc
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from rnn_capacity.studies.address import hide_password, parse_url
from rnn_capacity.studies.storage_errors import is_transient, reason, retry_transient
from rnn_capacity.studies.timing import Timing

P = ParamSpec("P")
T = TypeVar("T")

SQLITE: dict[str, Any] = {"timeout": 2.0}
"""Connection arguments of SQLite: `timeout` is the seconds to wait for a lock, few since Ctrl-C has no effect meanwhile
and calls are retried."""

POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    # a network that fell silent is noticed within a minute, not after the hours that the system would wait
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
    # a worker that is suspended in the middle of a transaction must not hold up the others
    "options": "-c idle_in_transaction_session_timeout=30s -c lock_timeout=40s",
}
"""Connection arguments of libpq, PostgreSQL's client library."""

STARTING = ("starting up", "too many clients", "connection slots are reserved")
"""Texts in the error messages of a PostgreSQL server that refuses a connection for the moment only."""

GRPC_SECONDS = 10
"""Seconds that a gRPC server may take to accept a connection."""


@dataclass(frozen=True)
class Storage:
    """An Optuna storage whose calls are repeated while they fail with transient errors, such as a locked database."""

    optuna: BaseStorage
    name: str
    timing: Timing

    def call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the Optuna storage, and repeat the call while it fails with a transient error.

        Raises:
            StorageError: If the storage fails.
        """
        return retry_transient(partial(method, *args, **kwargs), self.name, self.timing.retry_seconds)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Open a context without Python's cyclic garbage collection, which doubles the time of reading many trials.

    SQLAlchemy makes an object for each row, a dozen for a trial, and the collector visits all of them again and again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def open_storage(storage: str, *, create: bool = True, timing: Timing | None = None) -> Storage:
    """Connect to the storage of a URL: a SQLite file, a PostgreSQL database or Optuna's gRPC proxy.

    Args:
        storage: The URL: sqlite:///FILE for the workers of one machine, postgresql://USER:PASSWORD@HOST/DATABASE for
            hundreds of workers on several machines, grpc://HOST:PORT of Optuna's gRPC proxy for thousands.
        create: Whether to create Optuna's tables in an empty database.
        timing: Intervals of heartbeats and retries; None is the defaults.

    Raises:
        ValueError: If the URL is wrong, the database cannot be reached, has no Optuna tables and `create` is false, or
            belongs to another program or another version of Optuna.
        StorageError: If the storage fails.
    """
    # Optuna logs every new study, and a long message for a locked SQLite file, for which calls are retried here
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, timing = parse_url(storage), timing or Timing()
    connect = connect_grpc if url.drivername == "grpc" else partial(connect_database, create=create)
    name = hide_password(url)
    return Storage(retry_transient(lambda: connect(url), name, timing.retry_seconds), name, timing)


def connect_grpc(url: URL) -> BaseStorage:
    """Connect to a server of Optuna's gRPC storage proxy, which has created the tables of its database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # the proxy is experimental in Optuna 5
        proxy = GrpcStorageProxy(host=str(url.host), port=int(url.port or 0))
    try:
        proxy.wait_server_ready(timeout=GRPC_SECONDS)
    except ConnectionError as error:
        proxy.close()
        raise ValueError(f"storage must answer within {GRPC_SECONDS} seconds, got no answer from {url}") from error
    return proxy


def connect_database(url: URL, create: bool) -> BaseStorage:
    """Connect to a SQLite or PostgreSQL database and, with `create`, create Optuna's tables in an empty one."""
    connect_args = SQLITE
    if url.get_backend_name() == "postgresql":
        connect_args = {**POSTGRESQL, "options": f"{url.query.get('options', '')} {POSTGRESQL['options']}"}
    # no connection is held between calls: hundreds of workers may share a server, which may be restarted, and a file
    # that was deleted is noticed
    options: dict[str, Any] = {"connect_args": connect_args, "poolclass": NullPool}
    check_database(url, create, options)
    # Optuna fills in braces as str.format does
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    try:
        return RDBStorage(text, engine_kwargs=options)
    except RuntimeError as error:  # written by another version of Optuna
        raise ValueError(
            f"storage must be a database that Optuna can open, got {hide_password(url)}: {error}"
        ) from error


def check_database(url: URL, create: bool, options: dict[str, Any]) -> None:
    """Check that a database can be reached and has Optuna's tables or, with `create`, is empty."""
    shown, is_file = hide_password(url), url.get_backend_name() == "sqlite"
    if is_file and not create and not Path(url.database or "").exists():
        raise ValueError(f"storage must be a file that exists, got {shown}")
    try:
        tables = inspect(create_engine(url, **options)).get_table_names()
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise ValueError(f"storage must be a SQLite database, got {shown}") from error
        if is_transient(error) and (is_file or any(text in str(error.orig) for text in STARTING)):
            raise
        raise ValueError(f"storage must be a database that can be reached, got {shown}: {reason(error)}") from error
    if "studies" in tables:  # the first table that Optuna makes
        return
    if is_file and tables:
        raise ValueError(f"storage must be a database of studies, got {shown} with the table {min(tables)}")
    if not create:
        raise ValueError(f"storage must be a database of studies, got {shown} without any")
