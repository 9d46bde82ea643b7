"""Text on the command line arrives as typed."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.cli import check_files, main
from rnn_capacity.commands import CapacityCLI
from rnn_capacity.search.arguments import read_command_line
from tests.program import CONFIGS, Runner

TEXTS = (
    "a: b",
    "#x",
    "-x",
    "[",
    "?",
    "~",
    "{a: 1}",
    "- a",
    "'q'",
    "&a",
    "*a",
    "!x",
    "|",
    "@",
    "%",
    " a ",
    "1.0",
    "true",
)


class Parsed(Exception):
    pass


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that returns the parsed options of a command line."""

    def stop(cli: CapacityCLI) -> None:
        raise Parsed(cli.config[cli.subcommand])

    monkeypatch.setattr(CapacityCLI, "instantiate_classes", stop)

    def parse(*arguments: str) -> Any:
        with pytest.raises(Parsed) as parsed:
            main(["fit", "--config", str(CONFIGS / "language.yaml"), *arguments])
        return parsed.value.args[0]

    return parse


@pytest.mark.parametrize("text", TEXTS)
def test_text_arrives_as_typed(text: str, parse: Callable[..., Any]) -> None:
    names = ("data.prompt", "data.unknown", "data.path", "model.init_from", "run")
    for together in (True, False):
        words = [(f"--{name}={text}",) if together else (f"--{name}", text) for name in names]
        options = parse(*(word for pair in words for word in pair))
        for name in names:
            found = options[name.replace(".", ".init_args.")]
            assert found == text, name


def test_the_word_null_is_null_where_an_option_can_be_null(
    parse: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = parse("--data.path=null", "--data.unknown=null", "--run=null", "--data.prompt=null")
    assert options.data.init_args.path is options.data.init_args.unknown is options.run is None
    assert options.data.init_args.prompt == "null"


@pytest.mark.parametrize("name", ["null", "~", "#x"])
@pytest.mark.parametrize("in_config", [False, True])
def test_a_file_of_any_name_is_the_text_that_is_learned(
    name: str,
    in_config: bool,
    runner: Runner,
    toy: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / name).write_text("xyz" * 2000)
    given = [f"--data.path={name}"]
    if in_config:
        (tmp_path / "own.yaml").write_text(yaml.safe_dump({"data": {"init_args": {"path": name}}}))
        given = ["--config", str(tmp_path / "own.yaml")]
    options = [option for option in toy("language") if "length" not in option]
    monkeypatch.chdir(tmp_path)
    more = ["--data.prompt=x", "--model.max_parameters=300", "--trainer.max_steps=20"]
    summary = runner("fit", *options, *given, *more)
    assert summary["samples"] < 6000
    again = runner("validate", "--ckpt_path", summary["run"] / "checkpoints" / "last.ckpt")
    assert again["samples"] == summary["samples"]


def test_a_config_is_in_utf8_whatever_the_locale(
    parse: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yaml").write_text("data: {prompt: übér}", encoding="utf-8")
    monkeypatch.setattr("io.text_encoding", lambda encoding, level=2: encoding or "ascii")
    assert parse(f"--config={tmp_path / 'own.yaml'}").data.init_args.prompt == "übér"


def test_a_terminal_shows_another_character_in_place_of_one_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written, encoding="ascii"))
    with pytest.raises(SystemExit):
        main(["--version"])
    print("übér", flush=True)
    assert written.getvalue().endswith(b"?b?r\n")


@pytest.mark.parametrize("text", ["a: b", "#x", "-x", "[", "~", "?", "{a}"])
def test_text_of_a_search_arrives_as_typed(text: str) -> None:
    for argument in ("study", "storage", "cells", "sizes"):
        for words in ([f"--{argument}={text}"], [f"--{argument}", text]):
            assert getattr(read_command_line(words).options, argument) == text


def test_no_number_of_trials_is_the_default() -> None:
    assert read_command_line(["--trials=null"]).options.trials is None
    assert check_files("search", ["--trials=null"]) == ["--trials=null"]
