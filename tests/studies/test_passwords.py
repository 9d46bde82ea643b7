"""The password of a storage is used for the connection and written nowhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rnn_capacity.cli import main
from rnn_capacity.studies import Study, study_names
from tests.search.toy_search import ToySearch
from tests.studies.conftest import Server
from tests.wandb_machine import go_offline

PASSWORD = "hunter2"


@pytest.fixture(scope="session")
def guests(server: Server) -> Callable[[str], str]:
    """A function that makes the URL of a database, to which a user connects with a password."""
    server.do(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    server.do("CREATE DATABASE guests OWNER guest")
    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text("local all guest scram-sha-256\n" + rules.read_text())
    server.do("SELECT pg_reload_conf()")
    return lambda password: server.uri.replace("/postgres?", "/guests?").replace("postgres:@", f"guest:{password}@")


def test_a_wrong_password_is_rejected_without_showing_it(guests: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="password authentication failed") as refused:
        Study.open(guests("wrong"), "study", specification={})
    assert "wrong" not in str(refused.value)
    Study.open(guests(PASSWORD), "study", specification={})
    assert "study" in study_names(guests(PASSWORD))


def test_a_search_with_a_wandb_run_writes_the_password_nowhere(
    guests: Callable[[str], str],
    toy: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    go_offline(monkeypatch)
    searching = ToySearch(toy, tmp_path)
    searching.storage = guests(PASSWORD)
    logger = ["--trainer.logger=WandbLogger", f"--trainer.logger.save_dir={tmp_path}", "--trainer.logger.project=toys"]
    command = ["search", *searching.options(*logger, "--trials=2")]
    monkeypatch.setattr(sys, "argv", ["rnn-capacity", *command])
    main(command)
    assert len(searching.study().snapshot().finished) == 2
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {".wandb", ".yaml"} <= {path.suffix for path in written}
    assert b"guest:***@" in b"".join(written.values())
    printed = "".join(capfd.readouterr())
    assert [
        path for path, content in {**written, Path("printed"): printed.encode()}.items() if b"hunter2" in content
    ] == []
