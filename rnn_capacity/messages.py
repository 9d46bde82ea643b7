"""Errors of the command line, in one line that says what would be right. Imports nothing heavy."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from difflib import get_close_matches
from importlib import import_module
from inspect import isabstract
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

NOISE = re.compile(
    r"^(Does not validate against any of the Union subtypes|Subtypes: .*|Errors:|Given value.*"
    r"|Expected a <class 'NoneType'>.*|Expected a path but .*|Not a valid subclass of NoneType.*)$"
)
"""Lines that tell of the parser's inside."""


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong, in one line, and exit: with 2 if it is the command line, with another code if it is not."""
    print(f"rnn-capacity: error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)


def settle_warnings() -> None:
    """Leave out what Lightning says and a user of this program has no use for."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices found and advertisements
    warnings.filterwarnings("ignore", "The dirpath has changed from")  # every run has its own, a resumed one, too
    warnings.filterwarnings("ignore", "Be aware that when using `ckpt_path`")  # measuring saves no checkpoints
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists")  # that of the run that goes on
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13


def one_line(message: str, parser: ArgumentParser, bases: dict[str, type[object]]) -> str:
    """The message without the parser's inside, with what is allowed where a name is unknown.

    Args:
        message: What the parser says, over several lines.
        parser: The parser that says it; knows the options.
        bases: The class that each key's class must descend from.
    """
    lines = [line.strip().removeprefix("- ") for line in message.splitlines()]
    text = " ".join(line for line in lines if line and not NOISE.match(line))
    text = re.sub(r"<class '([^']+)'>", r"\1", text)
    text = re.sub(r'Parser key "([^"]+)":', r"\1:", text)
    known = allowed(text, parser, bases)
    text = re.sub(r"Problem with given class_path '\S+': |Type collections\.abc\.Callable\S+ .*class: ", "", text)
    text = re.sub(r"^(model|data): ([a-z]\w*): ", r"\1.\2: ", text)
    text = re.sub(r"typing\.Literal\[(.*?)\]", r"one of \1", text).replace("Expected a one of", "Expected one of")
    return re.sub(r"\. Got value: Namespace\(.*\)$", "", text) + known


def allowed(text: str, parser: ArgumentParser, bases: dict[str, type[object]]) -> str:
    """What could stand in place of an unknown option, argument or class; empty if none is named."""
    if "are required" in text:
        example = "give --config with one of the shipped YAML files, for example configs/random_mapping.yaml"
        return f"; {example}, or --data with one of {', '.join(class_names(bases['data']))}"
    if unknown := re.match(r"Subcommand '(\S+)' does not accept option '([^.']+)", text):
        commands = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
        return "; " + closest(unknown[2], options_of(commands[unknown[1]]))
    if unknown := re.search(r"unrecognized arguments: (?P<name>\S+)|Option '(?P<key>\S+)' is not accepted", text):
        classes = re.findall(r"class_path[ =]'([\w.]+)'", text)
        name = (unknown["name"] or unknown["key"]).lstrip("-").split("=")[0]
        return "; " + closest(name, arguments_of(classes[-1]) if classes else options_of(parser))
    for key, base in bases.items():
        if re.match(
            rf"{key}: (Expected a dot|Import path does not|Unexpected import|Expected an instantiatable)", text
        ):
            return f"; {key} is one of {', '.join(class_names(base))}"
    return ""


def class_names(base: type[object]) -> list[str]:
    """List the names of a class and its subclasses, without abstract classes."""
    names = [name for kind in base.__subclasses__() for name in class_names(kind)]
    return sorted(names if isabstract(base) else [base.__name__, *names])


def arguments_of(class_path: str) -> list[str]:
    """The names of a class's constructor arguments, with those of nested settings after a dot."""
    from jsonargparse import ArgumentParser

    module, _, name = class_path.rpartition(".")
    parser = ArgumentParser()
    parser.add_class_arguments(getattr(import_module(module), name), fail_untyped=False)
    return options_of(parser)


def options_of(parser: ArgumentParser) -> list[str]:
    """The names of a parser's options, without those that only help with another one."""
    names = [name for action in parser._actions for name in action.option_strings]
    return [name[2:] for name in names if name.startswith("--") and not name.endswith((".help", "+", "-help"))]


def closest(name: str, names: list[str]) -> str:
    """The name most like this one, then all that stand on its level."""
    level = name.rpartition(".")[0]
    siblings = [other for other in names if other.rpartition(".")[0] == level]
    likely = get_close_matches(name, siblings, n=1)
    listed = f"known are {', '.join(siblings or names)}"
    return f"did you mean {likely[0]}? {listed}" if likely else listed
