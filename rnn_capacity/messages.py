"""Error messages of the command line, each in one line. Imports nothing heavy."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from argparse import ArgumentError
from difflib import get_close_matches
from inspect import isabstract
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

# jsonargparse's exceptions have no attributes: these parts of its messages are in their text only
KEY = re.compile(r'Parser key "([^"]+)"')
UNKNOWN = re.compile(
    r"(?:(?:Group '(?P<group>[^']+)'|Subcommand '\w+') does not accept )?[Oo]ption '(?P<key>[^']+)'"
    r"|unrecognized arguments: -*(?P<word>[^\s=]+)"
)
REQUIRED = re.compile(r"the following arguments are required: (.+)")
WRONG_TYPE = re.compile(r"Expected an? (?P<type>.+)\. Got value: (?P<value>.*)", re.DOTALL)
UNION = re.compile(r"Subtypes: \[(.+)\]\s+Errors:", re.DOTALL)
CLASS = re.compile(r"Problem with given class_path '\S+':\s+(.+)")


def fail(message: str, code: int = 2) -> NoReturn:
    """Print an error in one line and exit.

    Args:
        message: What is wrong.
        code: Exit code: 2 for a wrong command line.
    """
    print(f"rnn-capacity: error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)


def settle_warnings() -> None:
    """Silence the messages of Lightning that do not concern users of this program."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices found and advertisements
    warnings.filterwarnings("ignore", "The dirpath has changed from")  # every run has its own, a resumed one, too
    warnings.filterwarnings("ignore", "Be aware that when using `ckpt_path`")  # an evaluation saves no checkpoints
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists")  # that of a resumed run
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13


def explain(message: str, error: BaseException | None, parser: ArgumentParser, bases: dict[str, type[object]]) -> str:
    """Turn an error of jsonargparse into the form of this package's messages.

    The parser of a class is inside the parser of the command line; its message, turned into this form before, is the
    text of an ArgumentError among the causes.

    Args:
        message: Message of the parser.
        error: The exception behind the message.
        parser: The parser that raised it, which knows its options.
        bases: Base class of each option that is a class.
    """
    unknown = UNKNOWN.match(message)
    if unknown and (isinstance(error, KeyError) or unknown["word"]):
        name = unknown["word"] or ".".join(filter(None, (unknown["group"], unknown["key"])))
        return f"{name} must be a known option; {closest(name, known_options(parser))}"
    if required := REQUIRED.match(message):
        return f"{required[1]} must be given"
    key = KEY.match(message)
    if key is None:
        return message
    cause = error
    while cause is not None and cause.__cause__ is not None and not isinstance(cause, ArgumentError):
        cause = cause.__cause__
    if isinstance(cause, ArgumentError):
        return f"{key[1]}.{cause}"
    if key[1] in bases:
        return f"{key[1]} must be one of {', '.join(class_names(bases[key[1]]))} ({cause})"
    wrong = WRONG_TYPE.fullmatch(str(cause))
    if wrong is None:
        return f"{key[1]}: {cause}"
    if wrong["value"].startswith("Namespace(") and (inside := CLASS.search(message)):
        return f"{key[1]}.{inside[1]}"  # of a list or a class, the first cause is that it is no list
    union = UNION.search(message)
    types = union[1] if union else wrong["type"]
    types = re.sub(r"<class '(?:\w+\.)*(\w+)'>|typing\.Literal\[(.*?)\]", r"\1\2", types).replace("NoneType", "null")
    allowed = f"one of {types};" if ", " in types else f"of type {types},"
    return f"{key[1]} must be {allowed} got {wrong['value']!r}"


def known_options(parser: ArgumentParser) -> list[str]:
    """Return the dotted names of a parser's options."""
    return list(parser.get_defaults(skip_validation=True).keys(branches=True))


def class_names(base: type[object]) -> list[str]:
    """Return the names of a class and its subclasses, without abstract classes."""
    names = [name for kind in base.__subclasses__() for name in class_names(kind)]
    return sorted(names if isabstract(base) else [base.__name__, *names])


def closest(name: str, names: list[str]) -> str:
    """Suggest the known name that is most similar to a wrong one, and list all on its level.

    Args:
        name: The wrong name, with dots between levels.
        names: The known names.
    """
    level = name.rpartition(".")[0]
    siblings = [other for other in names if other.rpartition(".")[0] == level]
    if level and not siblings:
        return closest(level, names)
    likely = get_close_matches(name, siblings, n=1)
    listed = f"known are {', '.join(siblings)}"
    return f"did you mean {likely[0]}? {listed}" if likely else listed
