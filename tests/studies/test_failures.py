"""Storages that fail while workers run: transient errors are retried, others reported, and no result is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import PendingRollbackError

from rnn_capacity.studies import StorageError, Study, Timing, metrics
from rnn_capacity.studies.storage_errors import is_transient, reason
from tests.studies.conftest import Server, free_port
from tests.studies.grid import counts, grid
from tests.studies.processes import started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


def opened(file: Path, **timing: float) -> Study:
    times = Timing(**{"retry_seconds": 20, **timing})
    return Study.open(f"sqlite:///{file}", "study", specification={"task": "memory"}, timing=times)


def test_a_full_disk_is_reported_and_results_are_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = opened(file)
    trials = study.claim(8, 8, grid(8))

    limit = file.stat().st_size // 4096 + 10  # pages
    connect = sqlite3.connect

    def limited(*given: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*given, **named)
        connection.execute(f"PRAGMA max_page_count = {limit}")
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", limited)
    stored = 0

    def work() -> None:
        nonlocal stored
        for trial in trials:
            stored += study.finish(trial, 1.0, True, {"fill": "x" * 10_000}) is not None

    with pytest.raises(StorageError, match=r"^storage sqlite:///.*study.db failed: database or disk is full; ") as told:
        work()
    assert "\n" not in str(told.value)
    assert 0 < stored < 8
    monkeypatch.undo()
    later = opened(file)
    assert counts(later) == (stored, 8 - stored, 0, 0)
    assert [metrics(trial) for trial in later.snapshot().finished] == [{"fill": "x" * 10_000}] * stored


def test_a_file_at_its_size_limit_is_reported_and_results_are_kept(file: Path) -> None:
    opened(file)
    size = file.stat().st_size + 60_000
    options = ("--total", 30, "--batch", 10, "--fill", 5_000, "--file_size", size)
    with started(1, f"sqlite:///{file}", *options) as [worker]:
        assert worker.end() == 3
    assert worker.lines[-1][:2] == ["error", "storage"]
    stored = worker.numbers("finished")
    assert 0 < len(stored) < 30
    later = opened(file).snapshot().finished
    assert [trial.number for trial in later] == stored
    assert all(len(metrics(trial)["fill"]) == 5_000 for trial in later)


@pytest.fixture
def locked(file: Path) -> Iterator[Callable[[float], None]]:
    """A function that locks the file for some seconds."""
    threads: list[threading.Thread] = []

    def lock(seconds: float) -> None:
        has = threading.Event()

        def hold() -> None:
            with closing(sqlite3.connect(file, isolation_level=None)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                has.set()
                time.sleep(seconds)

        threads.append(threading.Thread(target=hold))
        threads[-1].start()
        has.wait()

    yield lock
    for thread in threads:
        thread.join()


def test_calls_wait_for_a_locked_file(file: Path, locked: Callable[[float], None]) -> None:
    study = opened(file)
    trials = study.claim(2, 4, grid(4))
    locked(2.5)  # longer than SQLite itself waits
    begin = time.monotonic()
    assert study.finish(trials[0], 1.0, True, {})
    assert time.monotonic() - begin > 2
    locked(0.3)
    assert counts(opened(file)) == (1, 1, 0, 0)


def test_a_file_that_stays_locked_is_reported(file: Path, locked: Callable[[float], None]) -> None:
    study = opened(file, retry_seconds=0)
    trials = study.claim(2, 4, grid(4))
    study.finish(trials[0], 1.0, True, {})
    locked(3.0)
    with pytest.raises(StorageError, match=r"study.db failed for 2 seconds: database is locked; the trials that were"):
        study.finish(trials[1], 1.0, True, {})
    time.sleep(1.2)
    assert counts(opened(file)) == (1, 1, 0, 0)
    assert study.finish(trials[1], 1.0, True, {}), "the same may be stored later"


def test_the_heartbeat_continues_after_a_locked_file(file: Path, locked: Callable[[float], None]) -> None:
    study = opened(file, heartbeat=0.5, grace=3, retry_seconds=0)
    trials = study.claim(2, 4, grid(4))
    with study.alive():
        time.sleep(0.1)
        locked(2.2)
        time.sleep(3.5)
        assert len(study.claim(4, 4, grid(4))) == 2, "the two are still alive"
    assert all(study.finish(trial, 1.0, True, {}) for trial in trials)


def test_workers_continue_after_a_restart_of_the_database_server(server: Server) -> None:
    try:
        url = server.fresh()
        study = Study.open(url, "study", specification={"task": "memory"}, timing=Timing(retry_seconds=20))
        trials = study.claim(4, 8, grid(8))
        with study.alive():
            assert study.finish(trials[0], 1.0, True, {})
            server.stop()
            starter = threading.Timer(1.0, server.start)
            starter.start()
            begin = time.monotonic()
            assert study.finish(trials[1], 1.0, True, {})
            assert time.monotonic() - begin > 0.9
            starter.join()
            assert len(study.claim(4, 8, grid(8))) == 4
        assert counts(study) == (2, 6, 0, 0)
        hasty = Study.open(url, "study", timing=Timing(retry_seconds=0))
        [trial] = hasty.claim(1, 9, grid(9))
        server.stop()
        with pytest.raises(StorageError, match=r"^storage postgresql://.* failed for \d seconds: .*; the trials that"):
            hasty.finish(trial, 1.0, True, {})
    finally:
        server.start()


def test_workers_continue_after_a_restart_of_the_grpc_server(file: Path) -> None:
    port, servers = free_port(), []
    code = "from optuna.storages import get_storage, run_grpc_proxy_server as run; import sys; "
    code += "run(get_storage(sys.argv[1]), port=int(sys.argv[2]))"

    def start() -> None:
        servers.append(subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{file}", str(port)]))

    def kill() -> None:
        servers[-1].kill()
        servers[-1].wait()

    try:
        start()
        timing = Timing(retry_seconds=30)
        study = Study.open(f"grpc://localhost:{port}", "study", specification={"task": "memory"}, timing=timing)
        trials = study.claim(3, 3, grid(3))
        assert study.finish(trials[0], 1.0, True, {})
        kill()
        starter = threading.Timer(0.5, start)
        starter.start()
        assert study.finish(trials[1], 1.0, True, {})
        starter.join()
        assert counts(study) == (2, 1, 0, 0)
        hasty = Study.open(f"grpc://localhost:{port}", "study", timing=Timing(retry_seconds=0))
        kill()
        with pytest.raises(
            StorageError, match=r"^storage grpc://localhost:\d+ failed for \d seconds: .*; the trials"
        ) as told:
            hasty.snapshot()
        assert "\n" not in str(told.value)
    finally:
        kill()


def test_an_error_of_sqlalchemy_that_is_none_of_the_database_is_reported_and_not_retried() -> None:
    error = StorageInternalError("an exception is raised during the commit")
    error.__cause__ = PendingRollbackError("the session's transaction was rolled back\nby a flush")
    assert not is_transient(error)
    assert reason(error) == "the session's transaction was rolled back"
