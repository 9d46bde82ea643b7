"""A PostgreSQL database that the workers of several machines share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine, event, func, inspect, select
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from rnn_capacity.studies.address import plain
from rnn_capacity.studies.patience import reason

CONNECT: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    # a network that fell silent is noticed within a minute, not after the hours that the system would wait
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
"""Arguments of libpq's connect."""

SETTINGS = "; ".join(
    [
        # after a wait for a lock, what was stored meanwhile is seen
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
        # heartbeats are stored without a time zone
        "SET TIME ZONE 'UTC'",
        # a worker that is suspended in the middle of a transaction must not hold up the others
        "SET idle_in_transaction_session_timeout TO '30s'",
        "SET lock_timeout TO '40s'",
    ]
)

PASSING = ("starting up", "too many clients", "connection slots are reserved")
"""What a server says that refuses a connection now and takes it later."""

TABLES_KEY = 1_611_099_13
"""The number of the lock that is held while tables are made."""


@contextmanager
def prepare(url: URL, create: bool) -> Iterator[None]:
    """See that a database can be reached, and let one worker at a time look for its tables and make them.

    Args:
        url: Where the database is.
        create: Whether tables that are not there are made.

    Raises:
        ValueError: If the database cannot be reached, or it has no tables and none are made.
        OperationalError: If it has no room for a connection now.
    """
    engine = create_engine(url, connect_args=CONNECT, poolclass=NullPool)
    try:
        connection = engine.connect()
    except OperationalError as error:
        if any(text in str(error.orig) for text in PASSING):
            raise
        raise ValueError(f"storage: cannot connect to {plain(url)}: {reason(error)}") from error
    with connection:
        connection.execute(select(func.pg_advisory_lock(TABLES_KEY)))  # given back with the connection
        if not create and not inspect(connection).has_table("studies"):
            raise ValueError(f"storage: {plain(url)} holds no studies")
        yield


def configure(engine: Engine) -> None:
    """Make every connection of an engine keep time alike and hold no lock for long."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
        connection.commit()
