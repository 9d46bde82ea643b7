"""The commands that the report proposes for claims without trials are accepted by the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rnn_capacity.cli import check_files
from rnn_capacity.report.published import published
from rnn_capacity.search.arguments import read_command_line
from tests.program import CONFIGS

RECORDER = """
rnn-capacity() {
    if [[ "$*" == *--print_sweep* ]]; then cat configs/sweeps/capacity.yaml; else (IFS=$'\\t'; echo "$*" >> words); fi
}
"""
"""A shell function in the program's place, which writes its arguments to the file `words`, a line for each call."""

CELLS = {"rnn", "ugrnn", "gru", "lstm", "intersection", "irnn"}


def searches(key: str) -> list[list[str]]:
    """Run a command of `published.yaml` in the shell, and return the options of the searches that it would start."""
    subprocess.run(["bash", "-e", "-c", RECORDER + published()["commands"][key]], check=True)
    lines = [line.split("\t") for line in Path("words").read_text().splitlines()]
    assert {line[0] for line in lines} == {"search"}
    return [line[1:] for line in lines]


def value(words: list[str], name: str) -> str:
    """The value of an option, which stands in the word after it or behind an equals sign."""
    joined = next(word for word in words if word.split("=")[0] == name)
    return joined.partition("=")[2] or words[words.index(joined) + 1]


def trained_cells(search: list[str]) -> set[str]:
    """The cells of all studies that a search would create."""
    arguments = read_command_line(check_files("search", search))
    return set((arguments.options.cells or arguments.config["model"]["init_args"]["cell"]).split(","))


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to a folder with the shipped configs and the best settings of a study of each cell."""
    (tmp_path / "configs").symlink_to(CONFIGS)
    monkeypatch.chdir(tmp_path)
    for cell in CELLS:
        best = tmp_path / f"runs/studies/parentheses/{cell}-d1-p20000/best.yaml"
        best.parent.mkdir(parents=True)
        text = (CONFIGS / "parentheses.yaml").read_text()
        shutil.copy(CONFIGS / "parentheses.yaml", best)
        best.write_text(text.replace("cell: gru", f"cell: {cell}"))


@pytest.mark.parametrize(
    ("key", "cells", "count"),
    [
        ("capacity", CELLS, 1),
        ("capacity best", CELLS, 1),
        ("relu", {"rnn", "ugrnn", "irnn"}, 1),
        ("relu best", {"rnn", "ugrnn", "irnn"}, 1),
        ("steps", CELLS, 6),
        ("steps best", CELLS, 6),
        ("memory", CELLS, 4),
        ("text", CELLS, 1),
        ("function", CELLS, 1),
        ("tuner", CELLS, 2),
        ("draws", CELLS, 1),
        ("repeats", CELLS - {"intersection"}, 5),
    ],
)
def test_a_command_starts_the_searches_that_its_claims_need(key: str, cells: set[str], count: int) -> None:
    found = searches(key)
    assert len({value(search, "--study") for search in found}) == len(found) == count
    parsed = found[:1] if "--cells" in found[0] else found  # searches of a loop differ in a number alone
    assert set.union(*map(trained_cells, parsed)) == cells


def test_every_claim_has_a_command() -> None:
    commands = published()["commands"]
    claims = published()["claims"]
    for number in range(1, 17):
        command = claims[f"C{number}"]["command"]
        assert command in commands
        assert number > 9 or f"{command} best" in commands


def test_no_two_commands_create_studies_of_one_name() -> None:
    names = [name for command in published()["commands"].values() for name in re.findall(r"--study (\S+)", command)]
    assert len(set(names)) == len(names)
