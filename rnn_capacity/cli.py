"""The program `rnn-capacity`; wrong files and help texts are answered before torch is imported."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import yaml

from rnn_capacity import __version__
from rnn_capacity.messages import NO_VALUE, fail

COMMANDS = {
    "fit": "train a network and measure it",
    "validate": "measure a checkpoint on the validation set",
    "test": "measure a checkpoint on the test set",
    "predict": "let a language model go on from data.prompt",
    "search": "search for the best hyperparameters, many networks at once",
}

MAX_CONFIG = 1_000_000
"""Bytes of a YAML file; PyYAML reads a larger one in minutes."""

MAX_VALUES = 100_000
"""Values in a YAML file, those counted again that an alias repeats; a few lines of aliases can stand for billions."""


def main(argv: list[str] | None = None) -> None:
    """Run the program.

    Args:
        argv: The command line without the program's name; None is the process's own.

    Raises:
        SystemExit: With 2 if the command line is wrong, after one line that says how; with 0 after a help text.
    """
    argv = sys.argv[1:] if argv is None else argv
    overview = argparse.ArgumentParser(
        prog="rnn-capacity",
        description="How much a recurrent network can hold, and how hard it is to train.",
        epilog="rnn-capacity COMMAND --help lists the options of a command.",
    )
    overview.error = fail  # type: ignore[method-assign]  # one line, without the usage
    overview.add_argument("--version", action=PrintVersion, nargs=0, help="show the version and the compiled kernel")
    commands = overview.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose, add_help=False)
    command = overview.parse_known_args(argv[:1])[0].command
    try:
        arguments = check_files(command, argv[1:])
    except ValueError as error:
        fail(str(error))

    from rnn_capacity.commands import run

    sys.path.insert(0, "")  # a user's cell may be in the current folder
    run([command, *arguments])


class PrintVersion(argparse.Action):
    """Prints the version and the build of the compiled kernel that this machine uses, then exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print both in one line."""
        from rnn_capacity.kernels.native import native_library

        try:
            with warnings.catch_warnings(action="ignore"):
                library = native_library()
        except ValueError as error:
            fail(str(error))
        print(f"rnn-capacity {__version__}, compiled kernel: {'none' if library is None else library.build}")
        parser.exit()


def check_files(command: str, arguments: list[str]) -> list[str]:
    """Check what needs no torch: importing it takes seconds, and these are the most frequent mistakes.

    Args:
        command: The command.
        arguments: Its arguments.

    Returns:
        The arguments; a checkpoint without a config is measured with the config of its own run.

    Raises:
        ValueError: If a file does not exist or does not contain a YAML mapping, or a number is not a positive integer.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = fail_without_value  # type: ignore[method-assign]  # one line, without the usage
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-c", "--config", action="append", default=[])
    parser.add_argument("--ckpt_path")
    if command == "search":
        for name in ("sweep", "trials", "population"):
            parser.add_argument(f"--{name}")
    given = vars(parser.parse_known_args(arguments)[0])
    for path in given["config"]:
        if not path.lstrip().startswith("{"):  # YAML in place of a path
            check_mapping("config", path)
    if given["help"]:
        return arguments
    if given.get("sweep") not in (None, "null"):
        check_mapping("sweep", given["sweep"])
    for name in ("trials", "population"):
        number = given.get(name)
        if number is not None and (name, number) != ("trials", "null") and not (number.isdecimal() and int(number)):
            raise ValueError(f"{name} must be a positive integer, got {number!r}")
    if given["ckpt_path"] not in (None, "null"):
        check_exists("ckpt_path", given["ckpt_path"])
        config = Path(given["ckpt_path"]).resolve().parent.parent / "config.yaml"
        if command in ("validate", "test", "predict") and not given["config"] and config.is_file():
            return ["--config", str(config), *arguments]
    return arguments


def fail_without_value(message: str) -> NoReturn:
    """Print that an option has no value, which is all that can be wrong with the few options of `check_files`."""
    no_value = NO_VALUE.fullmatch(message)
    fail(f"{no_value[1]} must be given a value" if no_value else message)


def check_exists(argument: str, path: str) -> None:
    """Check that a file exists.

    Raises:
        ValueError: If it does not.
    """
    try:
        exists = Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, or with a null byte
        exists = False
    if not exists:
        raise ValueError(f"{argument} must be an existing file, got {path!r}")


def check_mapping(argument: str, path: str) -> None:
    """Check that a file contains a YAML mapping.

    Raises:
        ValueError: If it does not.
    """
    check_exists(argument, path)
    try:
        if Path(path).stat().st_size > MAX_CONFIG:
            raise ValueError(f"{argument} must be a file of at most {MAX_CONFIG:,} bytes, got {path!r}")
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        if count_values(content, {}) > MAX_VALUES:
            raise ValueError(f"{argument} must be a YAML file with at most {MAX_VALUES:,} values, got {path!r}")
    except OSError as error:
        raise ValueError(f"{argument} must be a readable file, got {path!r} ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{argument} must be a YAML file, got {path!r} ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{argument} must be a YAML file with a mapping of options, got {path!r}")


def count_values(content: object, known: dict[int, float]) -> float:
    """Count the values of a YAML document, with those that aliases repeat; infinitely many if it contains itself.

    Args:
        content: The document.
        known: Counts of mappings and lists by their identity.
    """
    if not isinstance(content, (dict, list)):
        return 1
    if id(content) not in known:
        known[id(content)] = math.inf  # until it is counted, which it never is inside itself
        parts = content.values() if isinstance(content, dict) else content
        known[id(content)] = 1 + sum(count_values(part, known) for part in parts)
    return known[id(content)]
