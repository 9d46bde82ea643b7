"""The parser of the command line: Lightning's, with error messages in one line."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from argparse import ArgumentError
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, get_args, get_type_hints

import yaml
from jsonargparse import Namespace, get_loader, set_loader, set_parsing_settings
from pytorch_lightning.cli import LightningArgumentParser

import rnn_capacity.tasks  # noqa: F401 (short class names resolve for what is imported)
from rnn_capacity.full_names import full_config
from rnn_capacity.messages import explain, fail
from rnn_capacity.training import RecurrentModule, Task

set_parsing_settings(docstring_parse_attribute_docstrings=True)  # the help of a dataclass field is its docstring
set_parsing_settings(import_path_denylist=["os"])  # enforces jsonargparse's whole list: a config runs no command

BASES: dict[str, type[object]] = {"model": RecurrentModule, "data": Task}
"""Base class of each option whose value is a class: the network and the task."""

TRAINER_DEFAULTS = {"num_sanity_val_steps": 0, "enable_model_summary": False, "log_every_n_steps": 1}
"""Default values of trainer options where they differ from Lightning's."""


class OneLineParser(LightningArgumentParser):
    """Lightning's argument parser with error messages in one line and without abbreviated options."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print an error message in one line and exit with code 2.

        Raises:
            ArgumentError: Instead of exiting, if `exit_on_error` is false, as in the parsers that jsonargparse makes
                for the arguments of a class.
        """
        text = explain(message, ex, getattr(ex, "subcommand_parser", self), BASES)
        if self.exit_on_error:
            fail(text)
        raise ArgumentError(None, " ".join(text.split())) from ex

    def parse_path(self, path: Any, *args: Any, **kwargs: Any) -> Namespace:
        """Parse a config file as UTF-8, whatever the locale's encoding is."""
        text = Path(path).read_text(encoding="utf-8")
        parsed: Namespace = self.parse_string(text, Path(path).name, *args, **kwargs)
        return parsed

    def add_model_and_task(self) -> None:
        """Add the options of the network and the task, and take the network's input and output sizes from the task."""
        self.add_lightning_class_args(RecurrentModule, "model", subclass_mode=True, required=False)
        self.set_defaults({"model": {"class_path": "rnn_capacity.training.RecurrentModule"}})
        self.add_subclass_arguments(Task, "data", required=False)
        for size in ("input_size", "output_size"):
            self.link_arguments(f"data.{size}", f"model.init_args.{size}", apply_on="instantiate")


FILES = ("path", "init_from", "ckpt_path")
"""Names of options whose value is a file name or null."""


def load_yaml(text: str) -> Any:
    """Load YAML as jsonargparse does, but keep a lone `~` or an empty text as text instead of null.

    A file may have the name `~`, and a file in a config may have the name "null" in quotes.

    Args:
        text: A config, or the value of one option.

    Example:
        >>> load_yaml("~"), load_yaml("null"), load_yaml("a: ~"), load_yaml("path: 'null'")
        ('~', None, {'a': None}, {'path': './null'})
    """
    try:
        value = JSONARGPARSE_LOADER(text)
    except TypeError:  # its error for "?"
        return text
    if value is None and text.strip() != "null":
        return text
    return full_config(quote_file_names(value)) if isinstance(value, dict) else value


def quote_file_names(value: Any) -> Any:
    """Return a config in which a file named null is written ./null, since jsonargparse takes null for no file."""
    if not isinstance(value, dict):
        return value
    return {key: "./null" if key in FILES and part == "null" else quote_file_names(part) for key, part in value.items()}


JSONARGPARSE_LOADER = get_loader("yaml")
set_loader("yaml", load_yaml, exceptions=(yaml.YAMLError,))


def text_options() -> dict[str, bool]:
    """Return the names of the options whose values are text, each with whether the value may be null."""
    kinds = {"run": "str | None", "ckpt_path": "str | None", "trainer.default_root_dir": "str | None"}
    kinds |= {"model.cell": "str", "model.init_from": "str | None"}
    for task in subclasses(Task):  # type: ignore[type-abstract]  # no instance is made
        kinds |= {f"data.{field.name}": str(field.type) for field in fields(task)}
    return {name: kind != "str" for name, kind in kinds.items() if kind in ("str", "str | None")}


def subclasses(kind: type[Task]) -> list[type[Task]]:
    """Return all direct and indirect subclasses of a task class."""
    return [found for one in kind.__subclasses__() for found in (one, *subclasses(one))]


def keep_text(arguments: list[str], more: Iterable[str] = ()) -> list[str]:
    """Return a command line whose text options keep values such as `[` or `a: b`, which YAML would change.

    The word null is null where the option can be null, unless it is the name of an existing file.

    Args:
        arguments: A command line.
        more: Names of further options whose values are text or null.

    Example:
        >>> keep_text(["fit", "--data.prompt", "who: me", "--data.seed=3", "--data.path=null"])
        ['fit', '--config={"data": {"init_args": {"prompt": "who: me"}}}', '--data.seed=3', '--data.path=null']
    """
    options, kept, rest = text_options() | dict.fromkeys(more, True), [], list(arguments)
    while rest:
        argument = rest.pop(0)
        option, equals, value = argument.partition("=")
        name = option.removeprefix("--").replace(".init_args.", ".")
        if not option.startswith("--") or name not in options or not (equals or (rest and rest[0][:2] != "--")):
            kept.append(argument)
            continue
        if not equals:
            value = rest.pop(0)
        if is_plain(value) or (value == "null" and options[name] and not Path(value).is_file()):
            kept.append(f"{option}={value}")
            continue
        *parents, last = name.split(".")
        content: Any = {last: value}
        for parent in reversed(parents):
            content = {parent: content if parent == "trainer" else {"init_args": content}}
        kept.append(f"--config={json.dumps(content)}")
    return kept


def is_plain(value: str) -> bool:
    """Return whether YAML reads a value as the same text, or as a number or boolean."""
    try:
        read = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        return False
    return read == value or isinstance(read, (bool, int, float))


def constructor_error(error: ValueError) -> str:
    """Return the message of the ValueError that a class's constructor raised, from the one that jsonargparse raises.

    Args:
        error: The error of `instantiate`.

    Raises:
        Exception: What a constructor raised, if it is not a ValueError.
    """
    root: BaseException = error
    while isinstance(root.__cause__, ValueError):
        root = root.__cause__
    # an option that may be null is a union of types, for which jsonargparse raises ValueErrors of its own
    if str(root).startswith("Does not validate") and root.__cause__ is not None:
        raise root.__cause__
    link: BaseException | None = error
    while isinstance(link, ValueError):
        if reasons := union_errors(str(link)):
            option = next((option for kind, option in OPTIONS.items() if kind in str(link)), None)
            return f"{option}: {reasons[0]}" if option else reasons[0]
        link = link.__cause__
    return str(root)


OPTIONS = {
    ".Callback'": "trainer.callbacks",
    ".Logger'": "trainer.logger",
    ".Profiler'": "trainer.profiler",
    ".Strategy'": "trainer.strategy",
}
"""Trainer options whose value is a Lightning class, by how jsonargparse's error messages name that class."""


def union_errors(text: str) -> list[str]:
    r"""Return the errors listed in jsonargparse's message about a union of types, except those about a wrong type.

    Args:
        text: The text, in which an error may be another such text.

    Example:
        >>> union_errors("Errors:\n  - Expected a <class 'list'>\n  - save_top_k is wrong\nGiven value type: int")
        ['save_top_k is wrong']
    """
    lines = re.findall(r"^ *- (.+?)(?=\n *- |\n *Given value)", text, re.MULTILINE | re.DOTALL)
    return [line for line in lines if not line.startswith(("Expected a", "Does not validate"))]


def check_nulls(options: Any) -> None:
    """Check that the trainer's options are a mapping, and that no argument of model or task is null unless it may be.

    Args:
        options: The parsed options of a command.

    Raises:
        ValueError: If one is null, or the trainer's are no mapping.
    """
    if not isinstance(options.trainer, Namespace):
        raise ValueError(f"trainer must be a mapping of options, got {as_yaml(options.trainer)}")
    if options.model is None:
        raise ValueError("model must be RecurrentModule or a subclass, got null")
    for part in BASES:
        if options[part] is not None:
            check_null_arguments(part, options[part])


def check_null_arguments(name: str, config: Any) -> None:
    """Check that no constructor argument of a class in a config is null unless its type allows None.

    Raises:
        ValueError: If one is null.
    """
    module, _, name_of_class = config.class_path.rpartition(".")
    kind = getattr(importlib.import_module(module), name_of_class)
    try:
        hints, parameters = get_type_hints(kind.__init__), inspect.signature(kind).parameters
    except (AttributeError, NameError, TypeError):  # annotations that exist for type checkers only
        return
    arguments = config.get("init_args")
    for argument, value in vars(arguments).items() if arguments else ():
        hint = hints.get(argument, Any)
        optional = hint in (Any, object) or type(None) in get_args(hint)
        if value is None and not optional and argument in parameters and parameters[argument].default is not None:
            expected = getattr(hint, "__name__", hint)
            raise ValueError(f"{name}.{argument} must be of type {expected}, got null")


def as_yaml(value: Any) -> str:
    """Format a value as a config shows it: null for None."""
    return "null" if value is None else str(value)
