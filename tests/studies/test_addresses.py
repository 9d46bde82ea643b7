"""A storage that cannot be opened is told of in one line that says what would be right."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rnn_capacity.studies import Study, address, shown, study_names
from tests.studies.conftest import Server


def refusal(url: str, definition: dict[str, str] | None = None) -> str:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the callers look at the text
        Study.open(url, "study", definition=definition)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith("storage: ")
    return text


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("study.db", "'study.db' is no URL; give sqlite:///FILE or postgresql://"),
        ("", "'' is no URL"),
        ("postgresql://host:port/name", "is no URL"),
        ("postgresql://me:secret@host:port/name", "'postgresql://me:***@host:port/name' is no URL"),
        ("mysql://host/name", "'mysql' is not known; give"),
        ("postgres://host/name", "'postgres' is not known; give"),
        ("postgresql+asyncpg://host/name", "'postgresql+asyncpg' is not known; give"),
        ("sqlite://", "workers share a file, sqlite:/// names none"),
        ("sqlite:///:memory:", "workers share a file, sqlite:///:memory: names none"),
        ("sqlite://study.db", "workers share a file, sqlite://study.db names none; give sqlite:///FILE"),
        ("sqlite:////no/such/study.db", "the folder /no/such of sqlite:////no/such/study.db does not exist"),
        ("sqlite:////tmp", "/tmp is a folder"),
        ("postgresql://host", "postgresql://host names no database"),
    ],
)
def test_a_url_that_is_wrong(url: str, told: str) -> None:
    assert told in refusal(url, {})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/name",
        "postgresql+psycopg2://me:sec%40ret@host:5432/name",
        "postgresql://host/name?user=me&password=secret",
        "postgresql://me:secret@host:port/name",
        "postgresql://me:se@cret@host:port/name",
    ],
)
def test_a_password_is_not_shown(url: str) -> None:
    assert not {"secret", "sec", "cret"} & set(re.split(r"\W", shown(url)))
    assert "host" in shown(url)
    assert shown("sqlite:///a/b.db") == "sqlite:///a/b.db"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("what I wanted to remember " * 100)
    assert refusal(f"sqlite:///{tmp_path}/notes.txt", {}).endswith("notes.txt is not a SQLite database")


def test_a_database_of_another_program(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mail.db")) as connection:
        connection.execute("CREATE TABLE letters (text)")
    assert "holds no studies, but the tables letters" in refusal(f"sqlite:///{tmp_path}/mail.db", {})


def test_reading_makes_nothing(tmp_path: Path, server: Server) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    assert refusal(url) == f"storage: there is no file {tmp_path}/study.db"
    (tmp_path / "empty.db").touch()
    assert refusal(f"sqlite:///{tmp_path}/empty.db").endswith("empty.db holds no studies")
    assert [file.name for file in tmp_path.iterdir()] == ["empty.db"]
    fresh = server.fresh()
    assert refusal(fresh).endswith("holds no studies")
    with pytest.raises(ValueError, match="holds no studies"):
        study_names(fresh)


def test_an_empty_file_becomes_a_storage(tmp_path: Path) -> None:
    (tmp_path / "study.db").touch()
    Study.open(f"sqlite:///{tmp_path}/study.db", "study", definition={})
    assert study_names(f"sqlite:///{tmp_path}/study.db") == ["study"]


def test_a_name_with_braces_and_percents(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/{{a}} 100%.db"
    Study.open(url, "study", definition={})
    assert study_names(url) == ["study"]
    assert (tmp_path / "{a} 100%.db").is_file()


def test_a_server_that_is_not_there() -> None:
    told = refusal("postgresql://me:secret@127.0.0.1:1/name", {})
    assert "cannot connect to postgresql://me:***@127.0.0.1:1/name: " in told
    assert "refused" in told


def test_a_database_that_is_not_there(server: Server) -> None:
    assert 'database "absent" does not exist' in refusal(server.uri.replace("/postgres?", "/absent?"), {})


def test_a_wrong_password(server: Server) -> None:
    server.do("CREATE ROLE guest LOGIN PASSWORD 'right'")
    server.do("CREATE DATABASE guests OWNER guest")
    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text("local all guest scram-sha-256\n" + rules.read_text())
    server.do("SELECT pg_reload_conf()")
    url = server.uri.replace("/postgres?", "/guests?").replace("postgres:@", "guest:{}@")
    told = refusal(url.format("wrong"), {})
    assert "password authentication failed" in told
    assert "wrong" not in told
    Study.open(url.format("right"), "study", definition={})
    assert study_names(url.format("right")) == ["study"]


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    assert refusal("postgresql://host/name", {}).endswith("pip install 'psycopg2-binary'")
    assert refusal("postgresql+psycopg://host/name", {}).endswith("pip install 'psycopg[binary]'")
