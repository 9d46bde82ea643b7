"""The README and the pages of the documentation: their blocks of code and their command lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rnn_capacity.cli import COMMANDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "tools" / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]

FENCE = re.compile(r"^(`{3,}|:{3,})(.*?)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    kind: str
    text: str


BLOCKS = [
    Block(path, kind.strip(), text)
    for path in PAGES
    for _, kind, text in FENCE.findall(path.read_text(encoding="utf-8"))
]


def commands_in(text: str) -> Iterator[list[str]]:
    """Split shell commands into the words of each, up to a redirection."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in line.split(" && "):
            words = shlex.split(part, comments=True)
            yield words[: min((words.index(sign) for sign in (">", ">>", "|") if sign in words), default=None)]


def command_lines() -> Iterator[list[str]]:
    """Find the commands of the program and of the scripts in the shell blocks, and those within sentences and tables.

    A name of a command in a sentence, such as `rnn-capacity search`, is no command line.
    """
    for block in BLOCKS:
        if block.kind == "bash":
            yield from commands_in(block.text)
    for path in PAGES:
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        for line in re.findall(r"`((?:\w+=\S+ )?(?:rnn-capacity|python) [^`]+)`", text):
            words = shlex.split(line)
            if len(words) > 2 or words[1] not in COMMANDS:
                yield words


def arguments_of(program: str) -> list[list[str]]:
    """Return the arguments of every distinct command line of a program."""
    found = [words[words.index(program) + 1 :] for words in command_lines() if program in words]
    return [list(words) for words in dict.fromkeys(map(tuple, found))]
