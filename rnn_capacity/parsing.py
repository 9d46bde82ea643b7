"""The parser of the command line: Lightning's, with errors of one line."""

from __future__ import annotations

from argparse import ArgumentError
from typing import Any, NoReturn

from jsonargparse import set_parsing_settings
from pytorch_lightning.cli import LightningArgumentParser

import rnn_capacity.tasks  # noqa: F401 (short class names resolve for what is imported)
from rnn_capacity.messages import explain, fail
from rnn_capacity.training import RecurrentModule, Task

set_parsing_settings(docstring_parse_attribute_docstrings=True)  # the help of a dataclass field is its docstring

BASES: dict[str, type[object]] = {"model": RecurrentModule, "data": Task}
"""Base classes of the options that are a class."""

TRAINER_DEFAULTS = {"num_sanity_val_steps": 0, "enable_model_summary": False, "log_every_n_steps": 1}
"""The trainer's options that differ from Lightning's defaults."""


class OneLineParser(LightningArgumentParser):
    """Lightning's parser, with errors of one line and without abbreviated options."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the error in one line and exit with 2.

        Raises:
            ArgumentError: Instead of exiting, if `exit_on_error` is false, as in the parsers that jsonargparse makes
                for the arguments of a class.
        """
        text = explain(message, ex, getattr(ex, "subcommand_parser", self), BASES)
        if self.exit_on_error:
            fail(text)
        raise ArgumentError(None, " ".join(text.split())) from ex

    def add_model_and_task(self) -> None:
        """Add the options of the network and the task; the network's input and output sizes are the task's."""
        self.add_lightning_class_args(RecurrentModule, "model", subclass_mode=True, required=False)
        self.set_defaults({"model": {"class_path": "rnn_capacity.training.RecurrentModule"}})
        self.add_subclass_arguments(Task, "data", required=False)
        for size in ("input_size", "output_size"):
            self.link_arguments(f"data.{size}", f"model.init_args.{size}", apply_on="instantiate")


def constructor_error(error: ValueError) -> str:
    """Return the message of the constructor whose ValueError jsonargparse reports.

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
    return str(root)
