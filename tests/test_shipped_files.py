"""The shipped configs and sweeps: found by name, listed, copied, and part of an installation."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rnn_capacity.cli import main, with_shipped_files
from rnn_capacity.search.space.sweep_file import load_sweep
from rnn_capacity.shipped import Kind, find_file, shipped_files
from tests.program import CONFIGS, TASKS, Runner

ROOT = CONFIGS.parent


def test_a_config_and_a_sweep_are_found_by_name_outside_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["search", "--config", "random_mapping", "--sweep", "language", "--print_sweep"])
    assert yaml.safe_load(capsys.readouterr().out) == load_sweep(CONFIGS / "sweeps" / "language.yaml")


def test_fit_takes_a_config_by_name(
    toy: Callable[..., list[str]], runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(CONFIGS / "random_mapping.yaml")
    summary = runner("fit", *("random_mapping" if option == path else option for option in toy()))
    assert summary["task"] == "random_mapping"


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "memory"],
        ["--config=memory"],
        ["-c", "memory"],
        ["-cmemory"],
        ["-c=memory"],
    ],
    ids=" ".join,
)
def test_every_spelling_of_the_option_takes_a_name(words: list[str]) -> None:
    *options, last = with_shipped_files(["--data.prompt", "memory", *words])
    assert options == ["--data.prompt", "memory", *words[:-1]]
    assert last == words[-1].replace("memory", str(CONFIGS / "memory.yaml"))


def test_what_is_no_name_stays_as_it_is() -> None:
    words = [
        "--config={data: Memory}",
        "--config",
        "nowhere",
        "--sweep",
        "null",
        "--config",
        str(CONFIGS / "text.yaml"),
    ]
    assert with_shipped_files(words) == words


def test_a_file_in_the_working_directory_comes_before_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "language").mkdir()
    Path("memory").write_text("method: grid")
    assert find_file("config", "memory") == Path("memory")
    assert with_shipped_files(["--config", "memory", "--sweep=./memory"]) == ["--config", "memory", "--sweep=./memory"]
    assert load_sweep("memory") == {"method": "grid"}
    assert find_file("config", "language") == CONFIGS / "language.yaml"  # a folder is no file


def test_extends_takes_a_name_but_first_a_file_beside_the_sweep(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("{extends: capacity, method: random}")
    assert load_sweep(own) == {**load_sweep("capacity"), "method": "random"}
    (tmp_path / "capacity").write_text("{name: mine, parameters: {}}")
    assert load_sweep(own) == {"name": "mine", "method": "random", "parameters": {}}


@pytest.mark.parametrize("kind", ["config", "sweep"])
def test_a_wrong_name_lists_the_known_ones(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["search", f"--{kind}", "memry"])
    assert stop.value.code == 2
    known = ", ".join(shipped_files(kind))
    expected = f"rnn-capacity: error: {kind} must be an existing file or one of {known}; got 'memry'\n"
    assert capsys.readouterr().err == expected


def test_the_list_shows_the_first_comment_of_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["configs"])
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == len(list(CONFIGS.rglob("*.yaml")))
    for line in listed:
        option, name, comment = line.split(maxsplit=2)
        path = CONFIGS / ("sweeps" if option == "--sweep" else "") / f"{name}.yaml"
        first = path.read_text().splitlines()[0]
        assert first == f"# {comment}"
        assert first[-1] in ".?"
    assert set(TASKS) <= set(shipped_files("config"))


def test_copies_have_the_names_and_the_content_of_the_shipped_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["configs", "memory", "text", "--to", str(tmp_path / "mine")])
    copies = [tmp_path / "mine" / name for name in ("memory.yaml", "text.yaml", "sweeps/memory.yaml")]
    assert capsys.readouterr().out.split() == list(map(str, copies))
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(copies)
    for path in copies:
        assert path.read_bytes() == (CONFIGS / path.relative_to(tmp_path / "mine")).read_bytes()
    assert load_sweep(copies[-1]) == load_sweep("memory")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "."], "to must be a folder without sweeps/memory.yaml, got '.'"),
        (["memry"], "NAME must be one of arithmetic, .*capacity_narrow_cross_entropy, capacity_warm_up; got 'memry'"),
        (["--to", "sweeps/memory.yaml"], "to must be a writable folder, got 'sweeps/memory.yaml.*"),
        (["--too", "here"], "unrecognized arguments: --too"),
    ],
)
def test_wrong_copies_give_one_line_and_write_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    own = tmp_path / "sweeps" / "memory.yaml"
    own.write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["configs", *arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(f"rnn-capacity: error: {message}\n", printed.err)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert own.read_text() == "mine"


@pytest.mark.filterwarnings("ignore:.*in `pyproject.toml` is still .experimental")  # setuptools' ext-modules
def test_an_installation_has_every_shipped_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("setuptools", "77", reason="an older one does not read the license in pyproject.toml")
    from setuptools.command.build_py import build_py
    from setuptools.config.pyprojecttoml import apply_configuration
    from setuptools.dist import Distribution

    monkeypatch.chdir(ROOT)
    command = build_py(apply_configuration(Distribution(), "pyproject.toml"))
    command.ensure_finalized()
    files = {Path(folder, name) for _, _, folder, names in command.get_data_files_without_manifest() for name in names}
    installed = Path(command.build_lib, "rnn_capacity", "configs")
    assert files >= {installed / path.relative_to(CONFIGS) for path in CONFIGS.rglob("*.yaml")}
