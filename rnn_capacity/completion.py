"""The command `rnn-capacity completion`, which prints a shell script that completes command lines."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from jsonargparse import set_parsing_settings
from pytorch_lightning.cli import LightningArgumentParser

from rnn_capacity.commands import CapacityCLI
from rnn_capacity.messages import CommandParser, fail, settle_warnings
from rnn_capacity.parsing import OneLineParser
from rnn_capacity.search.arguments import search_parser

SHELLS = ("bash", "zsh", "tcsh")


class CompletionCLI(CapacityCLI):
    """Prints a shell's completion script for the commands and options, and runs no command.

    Args:
        shell: One of `SHELLS`.
        others: What each command does that Lightning's command line does not know; `search` has its options completed,
            the others are completed by name.
    """

    def __init__(self, shell: str, others: dict[str, str]) -> None:
        self.others = others
        super().__init__([shell])

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Print the completion script for the shell that is the only argument, and exit.

        Raises:
            SystemExit: When it is printed.
        """
        parser.prog = "rnn-capacity"  # whatever started this process
        commands: Any = parser._subcommands_action  # which has no public name once Lightning made it
        for name, purpose in self.others.items():
            commands.add_subcommand(name, search_parser() if name == "search" else OneLineParser(), help=purpose)
        set_parsing_settings(
            docstring_parse_attribute_docstrings=False
        )  # a script has no help; reading it takes a minute
        print(parser.get_completion_script(f"shtab-{args[0]}"))
        raise SystemExit(0)


def completion(argv: list[str], commands: dict[str, str]) -> None:
    """Run the command `rnn-capacity completion SHELL`.

    Args:
        argv: Its arguments.
        commands: What each command of the program does.

    Raises:
        SystemExit: With 2 after one line if the shell is unknown or the package shtab is missing, otherwise with 0.
    """
    parser = CommandParser(
        prog="rnn-capacity completion",
        description="Print a script that completes commands, options and their values in a shell. For bash: "
        "rnn-capacity completion bash > ~/.rnn-capacity-completion, and source that file in ~/.bashrc.",
    )
    parser.add_argument("shell", metavar="SHELL", help=f"One of {', '.join(SHELLS)}.")
    shell = parser.parse_args(argv).shell
    if shell not in SHELLS:
        fail(f"SHELL must be one of {', '.join(SHELLS)}; got {shell!r}")
    if find_spec("shtab") is None:
        fail("completion must have the package shtab, which is not installed: pip install 'rnn-capacity[completion]'")
    settle_warnings()
    known = CapacityCLI.subcommands()
    CompletionCLI(shell, {name: purpose for name, purpose in commands.items() if name not in known})
