"""Errors for storages that cannot be opened: one line each that names what the URL must be."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rnn_capacity.studies import Study, address, hide_password, storage, study_names
from tests.studies.conftest import Server


def refusal(url: str, specification: dict[str, str] | None = None) -> str:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the callers look at the text
        Study.open(url, "study", specification=specification)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith("storage ")
    return text


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "study.db",
            "storage must be sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or grpc://HOST:PORT; got",
        ),
        ("study.db", "got 'study.db'"),
        ("", "got ''"),
        ("postgresql://host:port/name", "got 'postgresql://host:port/name'"),
        ("postgresql://me:secret@host:port/name", "got 'postgresql://me:***@host:port/name'"),
        ("mysql://host/name", "got 'mysql://host/name'"),
        ("postgres://host/name", "got 'postgres://host/name'"),
        ("postgresql+asyncpg://host/name", "got 'postgresql://host/name'"),
        ("sqlite://", "must be a file that workers can share, as sqlite:///FILE, got sqlite:///"),
        ("sqlite:///:memory:", "must be a file that workers can share, as sqlite:///FILE, got sqlite:///:memory:"),
        ("sqlite://study.db", "must be a file that workers can share, as sqlite:///FILE, got sqlite://study.db"),
        ("sqlite:////no/such/study.db", "must be in a folder that exists, got sqlite:////no/such/study.db"),
        ("sqlite:////tmp", "must be a file, got the folder /tmp"),
        ("postgresql://host", "must name a database, got postgresql://host"),
        ("grpc://host", "got 'grpc://host'"),
        ("grpc://host:port", "got 'grpc://host:port'"),
        ("grpc://me:secret@host:1", "got 'grpc://me:***@host:1'"),
        ("grpc://host:1/name", "got 'grpc://host:1/name'"),
    ],
)
def test_a_malformed_url_is_rejected(url: str, told: str) -> None:
    assert told in refusal(url, {})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/name",
        "postgresql+psycopg2://me:sec%40ret@host:5432/name",
        "postgresql://host/name?user=me&password=secret",
        "postgresql://host/name?user=me&sslpassword=secret",
        "postgresql:me:secret@host/name",
        "postgresql://me:secret@host:port/name",
        "postgresql://me:se@cret@host:port/name",
    ],
)
def test_a_password_is_not_shown(url: str) -> None:
    assert not {"secret", "sec", "cret"} & set(re.split(r"\W", hide_password(url)))
    assert "host" in hide_password(url)
    assert hide_password("sqlite:///a/b.db") == "sqlite:///a/b.db"


def test_a_file_that_is_not_a_database_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("what I wanted to remember " * 100)
    assert refusal(f"sqlite:///{tmp_path}/notes.txt", {}) == (
        f"storage must be a SQLite database, got sqlite:///{tmp_path}/notes.txt"
    )


def test_a_database_of_another_program_is_rejected(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mail.db")) as connection:
        connection.execute("CREATE TABLE letters (text)")
    assert "must be a database of studies, got" in refusal(f"sqlite:///{tmp_path}/mail.db", {})


def test_reading_a_storage_creates_no_files_or_tables(tmp_path: Path, server: Server) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    assert refusal(url) == f"storage must be a file that exists, got {url}"
    (tmp_path / "empty.db").touch()
    assert refusal(f"sqlite:///{tmp_path}/empty.db").endswith("empty.db without any")
    assert [file.name for file in tmp_path.iterdir()] == ["empty.db"]
    fresh = server.fresh()
    assert refusal(fresh).endswith("without any")
    with pytest.raises(ValueError, match="must be a database of studies"):
        study_names(fresh)


def test_an_empty_file_becomes_a_storage(tmp_path: Path) -> None:
    (tmp_path / "study.db").touch()
    Study.open(f"sqlite:///{tmp_path}/study.db", "study", specification={})
    assert study_names(f"sqlite:///{tmp_path}/study.db") == ["study"]


def test_a_file_name_may_contain_braces_and_percent_signs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/{{a}} 100%.db"
    Study.open(url, "study", specification={})
    assert study_names(url) == ["study"]
    assert (tmp_path / "{a} 100%.db").is_file()


def test_an_unreachable_server_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal("postgresql://me:secret@127.0.0.1:1/name", {})
    assert "storage must be a database that can be reached, got postgresql://me:***@127.0.0.1:1/name: " in told
    assert "refused" in told
    monkeypatch.setattr(storage, "GRPC_SECONDS", 0.5)
    assert refusal("grpc://localhost:1", {}) == (
        "storage must answer within 0.5 seconds, got no answer from grpc://localhost:1"
    )


def test_a_missing_database_is_reported(server: Server) -> None:
    assert 'database "absent" does not exist' in refusal(server.uri.replace("/postgres?", "/absent?"), {})


def test_a_missing_driver_is_reported_with_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    assert refusal("postgresql://host/name", {}).endswith("(pip install 'psycopg2-binary'), got postgresql://host/name")
    assert refusal("postgresql+psycopg://host/name", {}).endswith(
        "(pip install 'psycopg[binary]'), got postgresql://host/name"
    )
    assert refusal("grpc://host:1", {}) == (
        "storage must have gRPC installed (pip install 'rnn-capacity[grpc]'), got grpc://host:1"
    )


def test_a_database_of_another_optuna_version_is_rejected(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    Study.open(url, "study", specification={})
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
        connection.commit()
    assert "study.db: The runtime optuna version" in refusal(url)
