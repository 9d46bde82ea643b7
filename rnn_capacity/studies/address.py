"""Where a storage is: a SQLite file or a PostgreSQL database."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

FORMS = "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
DRIVERS = ("psycopg2", "psycopg")
"""Packages that connect to PostgreSQL; the first that is installed is taken."""


def parse(storage: str) -> URL:
    """Read a storage's URL.

    Raises:
        ValueError: If it is none, of an unknown kind, in a folder that does not exist, or its driver is not installed.
    """
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"storage: {shown(storage)!r} is no URL; {FORMS}") from error
    kind, _, driver = url.drivername.partition("+")
    if kind == "sqlite" and driver in {"", "pysqlite"}:
        return sqlite(url)
    if kind == "postgresql" and driver in {"", *DRIVERS}:
        return postgresql(url, driver)
    raise ValueError(f"storage: {url.drivername!r} is not known; {FORMS}")


def sqlite(url: URL) -> URL:
    """The URL, if a file can be at its place."""
    if url.host or not url.database or url.database == ":memory:":
        raise ValueError(f"storage: workers share a file, {plain(url)} names none; {FORMS}, with three slashes")
    file = Path(url.database)
    if not file.parent.is_dir():
        raise ValueError(f"storage: the folder {file.parent} of {plain(url)} does not exist")
    if file.is_dir():
        raise ValueError(f"storage: {file} is a folder; {FORMS}")
    return url


def postgresql(url: URL, driver: str) -> URL:
    """The URL with a driver that is installed."""
    installed = [name for name in ([driver] if driver else DRIVERS) if find_spec(name) is not None]
    if not installed:
        package = "psycopg[binary]" if driver == "psycopg" else "psycopg2-binary"
        raise ValueError(f"storage: to connect to PostgreSQL, pip install '{package}'")
    if not url.database:
        raise ValueError(f"storage: {plain(url)} names no database; {FORMS}")
    return url.set(drivername=f"postgresql+{installed[0]}")


def plain(url: URL) -> str:
    """The URL as people write it, without the password."""
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite" and not url.host:
        return f"sqlite:///{url.database or ''}"
    url = url.set(drivername=kind).difference_update_query(["password"])
    return url.render_as_string(hide_password=True)


def shown(storage: str) -> str:
    """A storage's URL, or what was given as one, without the password."""
    try:
        return plain(make_url(storage))
    except (ArgumentError, ValueError):
        return re.sub(r"(://[^:@/]*):.*@", r"\1:***@", storage)
