"""A SQLite file that several workers of one machine share."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, cast

from optuna.storages import RDBStorage
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

BUSY = 2.0
"""Seconds that SQLite itself waits for a lock. Short, as Ctrl-C has to wait, too; what is longer, `patiently` waits."""

CONNECT: dict[str, Any] = {"timeout": BUSY, "isolation_level": None}
"""Arguments of sqlite3.connect. The level is None so that every transaction begins where SQLAlchemy says so, not before
the first write: what is decided by reading would be out of date when it is written."""

WRITES = "rnn_capacity_writes"
"""The option of a connection that its transaction is going to write."""


def prepare(file: Path, create: bool) -> None:
    """See that a file is a database with Optuna's tables.

    They are made in one transaction: whoever opens the file at the same time finds all of them or none.

    Args:
        file: Where the database is, or is to be.
        create: Whether tables that are not there are made.

    Raises:
        ValueError: If the file is none or another program's, or cannot be opened, or it is not there and not created.
        sqlite3.OperationalError: If it is locked, or the disk is full.
    """
    if not create and not file.exists():
        raise ValueError(f"storage: there is no file {file}")
    try:
        with closing(sqlite3.connect(file, **CONNECT)) as connection:
            if "studies" in tables(connection):
                return
            if create:
                connection.execute("BEGIN EXCLUSIVE")
            known = tables(connection)
            if "studies" in known:
                return
            if known or not create:
                held = f", but the tables {', '.join(sorted(known)[:3])}, ..." if known else ""
                raise ValueError(f"storage: {file} holds no studies{held}")
            for statement in schema():
                connection.execute(statement)
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
            raise ValueError(f"storage: {file} is not a SQLite database") from error
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
            raise ValueError(f"storage: {file} cannot be opened: {error}") from error
        raise


def tables(connection: sqlite3.Connection) -> set[str]:
    """The names of a database's tables."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@cache
def schema() -> list[str]:
    """The statements that make Optuna's tables, as Optuna makes them in memory."""
    memory = RDBStorage("sqlite://")
    connection = memory.engine.raw_connection()
    try:
        dump = cast(sqlite3.Connection, connection.driver_connection)  # of SQLAlchemy's driver for sqlite://
        return [line for line in dump.iterdump() if line not in {"BEGIN TRANSACTION;", "COMMIT;"}]
    finally:
        connection.close()
        memory.engine.dispose()


def configure(engine: Engine) -> None:
    """Make every transaction of an engine begin as a whole, one that writes with the lock that writing needs.

    The journal is a rollback journal. A write-ahead log needs memory that all workers share, and so corrupts a file in
    the home folder of a cluster. The journal stays, emptied, beside the file: to make and delete it for every
    transaction takes longer, far longer on a busy disk.
    """

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = PERSIST")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a transaction that reads first and then wants to write is refused at once where another one has written
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
