"""Wrong command lines and files get one line that names the argument, exit code 2, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.wrong_input.command_lines import CommandLines, wrong_command_lines
from tests.wrong_input.program_runs import Case, faults, prepared_program

CASES = list(wrong_command_lines())


@pytest.fixture(scope="module")
def command_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLines]:
    lines = CommandLines(tmp_path_factory.mktemp("wrong"))
    with prepared_program():
        yield lines


def test_the_list_is_long() -> None:
    assert len(CASES) >= 400


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wrong_command_line_is_answered_in_one_line(case: Case, command_lines: CommandLines) -> None:
    assert faults(case, command_lines.complete(case), command_lines.folder) == []


@pytest.mark.parametrize(
    "case",
    [
        Case("fit", ("--model.depth=two",), ("depth",)),
        Case("validate", ("--ckpt_path=binary",), ("ckpt_path",)),
        Case("search", ("--trials=0",), ("trials",)),
    ],
    ids=str,
)
def test_a_process_of_its_own_answers_the_same(case: Case, command_lines: CommandLines) -> None:
    command = [sys.executable, "-m", "rnn_capacity", *command_lines.complete(case)]
    before = set(command_lines.folder.rglob("*"))
    done = subprocess.run(command, cwd=command_lines.folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("rnn-capacity: error: ")
    assert done.stderr.count("\n") == 1
    assert case.names[0] in done.stderr
    assert done.stdout == ""
    assert set(command_lines.folder.rglob("*")) == before
