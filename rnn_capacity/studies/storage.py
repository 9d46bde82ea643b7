"""Connections to the database or the gRPC server that keeps studies."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable
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
from rnn_capacity.studies.retrying import is_transient, reason, retry_transient
from rnn_capacity.studies.timing import Timing

P = ParamSpec("P")
T = TypeVar("T")

SQLITE: dict[str, Any] = {"timeout": 2.0}
"""Seconds for which SQLite itself waits for a lock: few, since Ctrl-C waits for them, too, and calls are repeated."""

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
"""Arguments of libpq's connect."""

STARTING = ("starting up", "too many clients", "connection slots are reserved")
"""What a PostgreSQL server says that refuses a connection now and takes it later."""

GRPC_SECONDS = 10
"""Seconds within which a gRPC server has to answer when it is connected to."""


@dataclass(frozen=True)
class Storage:
    """An Optuna storage whose calls are repeated while they fail for reasons that pass."""

    optuna: BaseStorage
    name: str
    timing: Timing

    def call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the storage, again where it fails or its answer gets lost.

        Raises:
            StorageError: If the storage fails.
        """
        return retry_transient(partial(method, *args, **kwargs), self.name, self.timing.retry_seconds)


def open_storage(storage: str, *, create: bool = True, timing: Timing | None = None) -> Storage:
    """Open a storage of studies.

    Args:
        storage: The URL: sqlite:///FILE for the workers of one machine, postgresql://USER:PASSWORD@HOST/DATABASE for
            hundreds of workers on several machines, grpc://HOST:PORT of Optuna's gRPC proxy for thousands.
        create: Whether an empty database is prepared for studies.
        timing: Signs of life and repetition.

    Raises:
        ValueError: If the URL is wrong, the database cannot be reached, has no studies and is not to be prepared, or
            belongs to another program or another version of Optuna.
        StorageError: If the storage fails.
    """
    # Optuna tells of every study that is made, and at length of a locked SQLite file, which is waited for here
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, timing = parse_url(storage), timing or Timing()
    connect = connect_grpc if url.drivername == "grpc" else partial(connect_database, create=create)
    name = hide_password(url)
    return Storage(retry_transient(lambda: connect(url), name, timing.retry_seconds), name, timing)


def connect_grpc(url: URL) -> BaseStorage:
    """Connect to Optuna's gRPC proxy, whose server has prepared the database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # the proxy is experimental in Optuna 5
        proxy = GrpcStorageProxy(host=str(url.host), port=int(url.port or 0))
    try:
        proxy.wait_server_ready(timeout=GRPC_SECONDS)
    except ConnectionError as error:
        proxy.close()
        raise ValueError(f"storage {url} cannot be opened: no answer within {GRPC_SECONDS} seconds") from error
    return proxy


def connect_database(url: URL, create: bool) -> BaseStorage:
    """Connect to a SQLite or PostgreSQL database, and prepare it for studies if it is empty and `create` is set."""
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
        raise ValueError(f"storage {hide_password(url)} cannot be opened: {error}") from error


def check_database(url: URL, create: bool, options: dict[str, Any]) -> None:
    """Check that a database can be reached, and has studies, or nothing at all if it may be prepared for them."""
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
        raise ValueError(f"storage {shown} cannot be opened: {reason(error)}") from error
    if "studies" in tables:  # the first table that Optuna makes
        return
    if is_file and tables:
        raise ValueError(f"storage must be a database of studies, got {shown} with the table {min(tables)}")
    if not create:
        raise ValueError(f"storage must be a database of studies, got {shown} without any")
