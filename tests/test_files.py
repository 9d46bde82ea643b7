"""Folders that cannot be made, and texts of errors in which nothing secret or endless is printed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rnn_capacity.files import is_folder_name, local_folder, make_folder, write_atomically
from rnn_capacity.messages import fail


@pytest.mark.parametrize("below", ["file/runs", "new/file/../../file/runs", f"new/{'x' * 300}", "new/a\0b"])
def test_a_folder_that_cannot_be_made_leaves_nothing(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"default_root_dir must be a writable folder, got '.*\)"):
        make_folder("default_root_dir", tmp_path / below)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_must_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder("default_root_dir", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # a superuser may write everywhere
    with pytest.raises(ValueError, match=r"must be a writable folder, got .* \(Permission denied\)"):
        make_folder("default_root_dir", tmp_path / "a" / "c")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert local_folder("root", "~/runs") == "/home/me/runs"
    assert local_folder("root", "runs/~") == "runs/~"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "x" * 256, "\u00e4" * 128])
def test_names_that_folders_cannot_have(name: str) -> None:
    assert not is_folder_name(name)


def test_an_error_shows_no_password_and_no_endless_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail(f"storage must be text, got ['postgresql://me:se@cr:et/@host/base'] and {'x' * 5000}")
    assert capsys.readouterr().err == (
        f"rnn-capacity: error: storage must be text, got ['postgresql://me:***@host/base'] and {'x' * 300}...\n"
    )


def test_writers_of_one_file_at_the_same_time_leave_one_complete_file(tmp_path: Path) -> None:
    texts = [str(number) * 10000 for number in range(8)]
    path = tmp_path / "best.yaml"
    with ThreadPoolExecutor(len(texts)) as pool:
        for _ in range(20):
            list(pool.map(write_atomically, [path] * len(texts), texts))
            assert path.read_text() in texts
    assert [file.name for file in tmp_path.iterdir()] == ["best.yaml"]
