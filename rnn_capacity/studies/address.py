"""Parses the URL of a study storage: a SQLite file, a PostgreSQL database, or Optuna's gRPC proxy."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

FORMS = "sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or grpc://HOST:PORT"
DRIVERS = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]"}
"""Python drivers for PostgreSQL in the order of preference, each with the package on PyPI that contains it."""


def parse_url(storage: str) -> URL:
    """Parse the URL of a storage, and add the name of an installed driver to a PostgreSQL URL.

    Args:
        storage: The URL as the user gives it.

    Raises:
        ValueError: If the URL is malformed, of an unknown kind or in a folder that does not exist, or if its driver is
            not installed.
    """
    shown = hide_password(storage)
    try:
        url = make_url(storage)
        kind, _, driver = url.drivername.partition("+")
    except (ArgumentError, ValueError):
        kind, driver = "", ""
    if kind == "sqlite" and driver in {"", "pysqlite"}:
        if url.host or not url.database or url.database == ":memory:":
            raise ValueError(f"storage must be a file that workers can share, as sqlite:///FILE, got {shown}")
        if not Path(url.database).parent.is_dir():
            raise ValueError(f"storage must be in a folder that exists, got {shown}")
        if Path(url.database).is_dir():
            raise ValueError(f"storage must be a file, got the folder {url.database}")
        return url
    if kind == "postgresql" and driver in {"", *DRIVERS}:
        if not url.database:
            raise ValueError(f"storage must name a database, got {shown}")
        drivers = [driver] if driver else list(DRIVERS)
        installed = [name for name in drivers if find_spec(name) is not None]
        if not installed:
            package = DRIVERS[drivers[0]]
            raise ValueError(f"storage must have an installed driver (pip install '{package}'), got {shown}")
        return url.set(drivername=f"postgresql+{installed[0]}")
    if kind == "grpc" and url.host and url.port and url == URL.create("grpc", host=url.host, port=url.port):
        if find_spec("grpc") is None:
            raise ValueError(f"storage must have gRPC installed (pip install 'rnn-capacity[grpc]'), got {shown}")
        return url
    raise ValueError(f"storage must be {FORMS}; got {shown!r}")


def hide_password(storage: str | URL) -> str:
    """Return the URL of a storage as text, without its password and driver.

    Args:
        storage: The URL, or a text that was given as one.

    Example:
        >>> hide_password("postgresql+psycopg2://me:secret@host/studies")
        'postgresql://me:***@host/studies'
    """
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):
        return re.sub(r"(:/*[^:@/]*):.*@", r"\1:***@", str(storage))
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite" and not url.host:
        return f"sqlite:///{url.database or ''}"
    return (
        url.set(drivername=kind)
        .difference_update_query(["password", "sslpassword"])
        .render_as_string(hide_password=True)
    )
