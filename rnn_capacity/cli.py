"""Entry point of the program `rnn-capacity`, which reports wrong files before it imports torch."""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType

from rnn_capacity import __version__
from rnn_capacity.messages import CommandParser, fail
from rnn_capacity.shipped import Kind, find_file, is_existing_file, shipped_files
from rnn_capacity.yaml_files import load_mapping

COMMANDS = {
    "fit": "train a network and measure it",
    "validate": "measure a checkpoint on the validation set",
    "test": "measure a checkpoint on the test set",
    "predict": "let a language model go on from data.prompt",
    "reproduce": "repeat a stored run and compare every metric",
    "search": "search for the best hyperparameters, many networks at once",
    "report": "write a page with the paper's figures, tables and claims",
    "configs": "list and copy the shipped configs and sweeps",
    "completion": "print a script that completes command lines in a shell",
}

FILE_OPTIONS: dict[str, Kind] = {"-c": "config", "--config": "config", "--sweep": "sweep"}
"""Command-line options whose value is a YAML file or the name of a shipped one, with the kind of file."""

FILE_OPTION = re.compile(r"(-c=?|--config=|--sweep=)(.*)", re.DOTALL)
"""Pattern of a file option written in one word with its value, such as --config=FILE."""


def main(argv: list[str] | None = None) -> None:
    """Run the program `rnn-capacity` with a command line.

    Args:
        argv: The command line without the program's name; None is the process's own.

    Raises:
        SystemExit: With 2 if the command line is wrong, after one line that says how; with 0 after a help text.
    """
    argv = sys.argv[1:] if argv is None else argv
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may not show every character of a text
    overview = CommandParser(
        prog="rnn-capacity",
        description="How much a recurrent network can hold, and how hard it is to train.",
        epilog="rnn-capacity COMMAND --help lists the options of a command.",
    )
    overview.add_argument("--version", action=PrintVersion, nargs=0, help="show the version and the compiled kernel")
    commands = overview.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose, add_help=False)
    command = overview.parse_known_args(argv[:1])[0].command
    try:
        arguments = check_files(command, argv[1:])
    except ValueError as error:
        fail(str(error))

    if command == "report":
        from rnn_capacity.report.command import report  # it needs none of Lightning's commands

        report(arguments)
        return
    if command == "configs":
        from rnn_capacity.configs_command import configs

        configs(arguments)
        return

    sys.path.insert(0, "")  # a user's cell may be in the current folder
    import_torchmetrics()
    if command == "reproduce":
        from rnn_capacity.reproduce import reproduce

        reproduce(arguments)
    elif command == "completion":
        from rnn_capacity.completion import completion

        completion(arguments, COMMANDS)
    else:
        from rnn_capacity.commands import run

        run([command, *arguments])


def import_torchmetrics() -> None:
    """Import torchmetrics, which Lightning needs, without `scipy.signal`: a sixth of the program's start-up time.

    torchmetrics imports `scipy.signal` only to add a name to it that a metric of speech needs. An empty module with
    that name stands in for it; who needs `scipy.signal` later imports the real one.
    """
    name = "scipy.signal"
    if name in sys.modules:
        return
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name])["hamming"] = None
    try:
        import_module("torchmetrics")
    finally:
        del sys.modules[name]


class PrintVersion(argparse.Action):
    """Action of the option --version: prints the version and the build of the compiled kernel, then exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the program's version and the compiled kernel's build in one line, and exit."""
        from rnn_capacity.kernels.native import native_library

        try:
            with warnings.catch_warnings(action="ignore"):
                library = native_library()
        except ValueError as error:
            fail(str(error))
        print(f"rnn-capacity {__version__}, compiled kernel: {'none' if library is None else library.build}")
        parser.exit()


def check_files(command: str, arguments: list[str]) -> list[str]:
    """Check the files and numbers on a command line that can be checked without importing torch.

    The import takes seconds, and these are the most frequent mistakes.

    Args:
        command: The command.
        arguments: Its arguments.

    Returns:
        The arguments, with the path of a shipped file in place of its name; a checkpoint without a config is measured
        with the config of its own run.

    Raises:
        ValueError: If a file does not exist or does not contain a YAML mapping, or a number is not a positive integer.
    """
    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-c", "--config", action="append", default=[])
    parser.add_argument("--ckpt_path")
    if command == "search":
        for name in ("sweep", "trials", "population"):
            parser.add_argument(f"--{name}")
    given = vars(parser.parse_known_args(arguments)[0])
    for path in given["config"]:
        if not path.lstrip().startswith("{"):  # YAML in place of a path
            load_mapping("config", find_file("config", path))
    arguments = with_shipped_files(arguments)
    if given["help"]:
        return arguments
    if given.get("sweep") not in (None, "null"):
        load_mapping("sweep", find_file("sweep", given["sweep"]))
    for name in ("trials", "population"):
        number = given.get(name)
        if number is not None and (name, number) != ("trials", "null") and not (number.isdecimal() and int(number)):
            raise ValueError(f"{name} must be a positive integer, got {number!r}")
    if given["ckpt_path"] not in (None, "null"):
        if not is_existing_file(given["ckpt_path"]):
            raise ValueError(f"ckpt_path must be an existing file, got {given['ckpt_path']!r}")
        config = Path(given["ckpt_path"]).resolve().parent.parent / "config.yaml"
        if command in ("validate", "test", "predict") and not given["config"] and config.is_file():
            return ["--config", str(config), *arguments]
    return arguments


def with_shipped_files(arguments: list[str]) -> list[str]:
    """Return a command line with the path of each shipped file in place of its name.

    Args:
        arguments: The command line; what is no name of a shipped file stays as it is.
    """
    found = list(arguments)
    for index, (before, argument) in enumerate(zip(["", *arguments], arguments, strict=False)):
        joined = FILE_OPTION.fullmatch(argument)
        kind = FILE_OPTIONS.get(joined[1].rstrip("=") if joined else before)
        prefix, value = joined.groups() if joined else ("", argument)
        if kind is not None and not is_existing_file(value):
            found[index] = f"{prefix}{shipped_files(kind).get(value, value)}"
    return found
