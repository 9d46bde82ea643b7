"""The program `rnn-capacity`: what needs no torch is answered here, before torch is imported."""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import yaml

from rnn_capacity import __version__
from rnn_capacity.messages import fail

COMMANDS = {
    "fit": "train a network and measure it",
    "validate": "measure a checkpoint on the validation set",
    "test": "measure a checkpoint on the test set",
    "predict": "let a language model go on from data.prompt",
    "search": "search for the best hyperparameters, many networks at once",
}


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
    overview.add_argument("--version", action="version", version=f"rnn-capacity {__version__}")
    commands = overview.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose, add_help=False)
    options = overview.parse_known_args(argv[:1])[0]
    arguments = with_run_config(options.command, argv[1:])
    for path in values_of(arguments, "-c", "--config"):
        check_config(path)
    if not {"-h", "--help"} & set(arguments):
        for path in values_of(arguments, "--ckpt_path"):
            check_exists("ckpt_path", path)
        if options.command == "search":
            check_search(arguments)

    from rnn_capacity.commands import run

    sys.path.insert(0, "")  # a cell of one's own may lie in the current folder
    run([options.command, *arguments])


def values_of(arguments: list[str], *names: str) -> list[str]:
    """The values that the options of these names are given, as `--name value` or `--name=value`."""
    found = [after for name, after in pairwise(arguments) if name in names]
    return found + [text.split("=", 1)[1] for text in arguments if text.split("=", 1)[0] in names and "=" in text]


def with_run_config(command: str, arguments: list[str]) -> list[str]:
    """A checkpoint is measured with its own run's config unless another is given."""
    checkpoints = values_of(arguments, "--ckpt_path")
    if command in ("fit", "search") or not checkpoints or values_of(arguments, "-c", "--config"):
        return arguments
    config = Path(checkpoints[-1]).resolve().parent.parent / "config.yaml"
    return ["--config", str(config), *arguments] if config.is_file() else arguments


def check_exists(argument: str, path: str) -> None:
    """Fail unless the file exists; null stands for none."""
    if path != "null" and not Path(path).is_file():
        fail(f"{argument}: {path!r} given, {'a folder, a file needed' if Path(path).is_dir() else 'no such file'}")


def check_config(path: str) -> None:
    """Fail unless the file is there and holds a YAML mapping; YAML given in place of a path is left to the parser."""
    if not path.lstrip().startswith("{"):
        check_mapping("config", path)


def check_mapping(argument: str, path: str) -> None:
    """Fail unless the file is there and holds a YAML mapping."""
    check_exists(argument, path)
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fail(f"{argument}: {path!r} given, which is not YAML: {error}")
    if not isinstance(content, dict):
        fail(f"{argument}: {path!r} given, which holds no mapping of options")


def check_search(arguments: list[str]) -> None:
    """Fail if a search's sweep file is none, or its numbers are."""
    for path in values_of(arguments, "--sweep"):
        check_mapping("sweep", path)
    for name in ("trials", "population"):
        for text in values_of(arguments, f"--{name}"):
            if not text.isdecimal() or int(text) < 1:
                fail(f"{name}: {text!r} given, a positive integer needed")
