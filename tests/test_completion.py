"""Completion of command lines in a shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rnn_capacity import completion
from rnn_capacity.cli import COMMANDS, main
from rnn_capacity.commands import CapacityCLI
from rnn_capacity.parsing import OneLineParser

LINES = """
source {script}
complete_words() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _shtab_rnn_capacity rnn-capacity "${{@: -1}}"
    echo "${{COMPREPLY[*]}}"
}}
complete_words rnn-capacity ""
complete_words rnn-capacity search --swe
"""


def search_options() -> OneLineParser:
    parser = OneLineParser()
    parser.add_argument("--sweep", type=str | None)
    return parser


def small(cli: CapacityCLI, *_: object) -> None:
    """Set up a parser of the same commands without the many options of Lightning's trainer."""
    cli.parser = OneLineParser()
    commands = cli.parser.add_subcommands()
    for name in CapacityCLI.subcommands():
        commands.add_subcommand(name, OneLineParser())


def test_the_script_completes_commands_and_options_in_bash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    monkeypatch.setattr(CapacityCLI, "setup_parser", small)
    monkeypatch.setattr(completion, "search_parser", search_options)
    monkeypatch.setattr(completion, "set_parsing_settings", lambda **_: None)  # they are those of all tests here
    with pytest.raises(SystemExit) as stop:
        main(["completion", "bash"])
    assert stop.value.code == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    done = subprocess.run(["bash", "-c", LINES.format(script=script)], capture_output=True, text=True, check=True)
    commands, options = done.stdout.splitlines()
    assert sorted(commands.split()) == sorted(COMMANDS)
    assert options == "--sweep"


def test_an_unknown_shell_and_a_missing_package_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["completion", "fish"])
    assert capsys.readouterr().err == "rnn-capacity: error: SHELL must be one of bash, zsh, tcsh; got 'fish'\n"
    monkeypatch.setattr(completion, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        main(["completion", "zsh"])
    assert stop.value.code == 2
    assert "pip install 'rnn-capacity[completion]'" in capsys.readouterr().err
