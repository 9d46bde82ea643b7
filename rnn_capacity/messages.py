"""Formats error messages of the command line in one line; imports nothing that takes long."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from argparse import ArgumentError, ArgumentParser
from difflib import get_close_matches
from inspect import isabstract
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import jsonargparse

# jsonargparse's exceptions have no attributes for an option's name, its types and the value: they are in the text alone
KEY = re.compile(r'Parser key "([^"]+)"')
UNKNOWN_KEY = re.compile(r"(?:(?:Group '([^']+)'|Subcommand '\w+') does not accept )?[Oo]ption '([^']+)'")
UNKNOWN_WORD = re.compile(r"unrecognized arguments: -*([^\s=]+)")
REQUIRED = re.compile(r"the following arguments are required: (.+)")
NO_VALUE = re.compile(r"argument (?:-\w/)?--(\S+): expected (?:at least )?one argument")
PASSWORD = re.compile(r"(://[^:@/\s]*):\S*@")
LONG_WORD = re.compile(r"(\S{300})\S+")
WRONG_TYPE = re.compile(r"Expected an? (?P<type>.+)\. Got value: (?P<value>.*)", re.DOTALL)
UNION = re.compile(r"Subtypes: \[(.+)\]\s+Errors:", re.DOTALL)
INSIDE_CLASS = re.compile(r"Problem with given class_path '\S+':\s+(.+)")
TYPE = re.compile(r"<class '(?:\w+\.)*(\w+)'>|typing\.Literal\[(.*?)\]")


def fail(message: str, code: int = 2) -> NoReturn:
    """Print an error message in one line to stderr and exit.

    Args:
        message: What is wrong.
        code: Exit code: 2 for a wrong command line.
    """
    line = PASSWORD.sub(r"\1:***@", " ".join(message.split()))
    if code == 2:  # a wrong value may be long; the command that goes on after a failure is whole
        line = LONG_WORD.sub(r"\1...", line)
    print(f"rnn-capacity: error: {line}", file=sys.stderr)
    raise SystemExit(code)


class CommandParser(ArgumentParser):
    """An argparse parser that exits with a one-line error message, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 after one line that names the option."""
        no_value = NO_VALUE.fullmatch(message)
        fail(f"{no_value[1]} must be given a value" if no_value else message)


def settle_warnings() -> None:
    """Print each warning in one line, and hide Lightning's that do not concern users of this program."""
    warnings.formatwarning = lambda message, *_, **__: f"rnn-capacity: warning: {' '.join(str(message).split())}\n"
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices found and advertisements
    warnings.filterwarnings("ignore", "The dirpath has changed from")  # every run has its own, a resumed one, too
    warnings.filterwarnings("ignore", "Be aware that when using `ckpt_path`")  # an evaluation saves no checkpoints
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists")  # that of a resumed run
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13


def explain(
    message: str, error: BaseException | None, parser: jsonargparse.ArgumentParser, bases: dict[str, type[object]]
) -> str:
    """Turn an error message of jsonargparse into "<option> must be <constraint>, got <value>".

    Args:
        message: Message of the parser.
        error: The exception behind the message.
        parser: The parser that raised it, which knows its options.
        bases: Base class of each option that is a class.
    """
    if word := UNKNOWN_WORD.match(message):
        return unknown_option(word[1], parser)
    if isinstance(error, KeyError) and (found := UNKNOWN_KEY.match(message)):
        return unknown_option(".".join(filter(None, found.groups())), parser)
    if required := REQUIRED.match(message):
        return f"{required[1]} must be given"
    if no_value := NO_VALUE.fullmatch(message):
        return f"{no_value[1]} must be given a value"
    if key := KEY.match(message):
        return wrong_value(key[1], message, error, bases.get(key[1]))
    return message


def unknown_option(name: str, parser: jsonargparse.ArgumentParser) -> str:
    """Return the error message about an option that does not exist, with similar options."""
    known = list(parser.get_defaults(skip_validation=True).keys(branches=True))
    return f"{name} must be a known option; {closest(name, known)}"


def wrong_value(name: str, message: str, error: BaseException | None, base: type[object] | None) -> str:
    """Return the error message about an option whose value jsonargparse rejects.

    Args:
        name: The option.
        message: Message of the parser.
        error: The exception behind the message; the first of its causes says what is wrong.
        base: Base class of the value, if it is a class; None for other options.
    """
    while error is not None and error.__cause__ is not None and not isinstance(error, ArgumentError):
        error = error.__cause__
    if isinstance(error, ArgumentError):  # from the parser of the class's arguments, which has explained it
        return f"{name}.{error}"
    if base is not None:
        return f"{name} must be one of {', '.join(class_names(base))} ({error})"
    wrong = WRONG_TYPE.fullmatch(str(error))
    if wrong is None:
        return f"{name}: {error}"
    # where a list or a class is allowed, the first cause of an error inside the class is that it is no list
    if wrong["value"].startswith("Namespace(") and (inside := INSIDE_CLASS.search(message)):
        return f"{name}.{inside[1]}"
    union = UNION.search(message)
    types = TYPE.sub(r"\1\2", union[1] if union else wrong["type"]).replace("NoneType", "null")
    return f"{name} must be {f'one of {types};' if ', ' in types else f'of type {types},'} got {wrong['value']!r}"


def class_names(base: type[object]) -> list[str]:
    """Return the sorted names of a class and its subclasses that a command line can name: not abstract, not local."""
    names = [name for kind in base.__subclasses__() for name in class_names(kind)]
    unnamed = isabstract(base) or "<locals>" in base.__qualname__
    return sorted(names if unnamed else [base.__name__, *names])


def closest(name: str, names: list[str]) -> str:
    """Return a text that suggests the known option most like a wrong one, and lists the options on its level.

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
