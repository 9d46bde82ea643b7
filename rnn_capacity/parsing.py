"""The parser of the command line: Lightning's, with errors of one line."""

from __future__ import annotations

from typing import Any, NoReturn

from jsonargparse import set_parsing_settings
from pytorch_lightning.cli import LightningArgumentParser

import rnn_capacity.tasks  # noqa: F401 (short class names resolve for what is imported)
from rnn_capacity.messages import fail, one_line
from rnn_capacity.training import RecurrentModule, Task

set_parsing_settings(docstring_parse_attribute_docstrings=True)  # the help of a dataclass field is its docstring

BASES: dict[str, type[object]] = {"model": RecurrentModule, "data": Task}
"""Base classes of the options that take a class."""

TRAINER_DEFAULTS = {"num_sanity_val_steps": 0, "enable_model_summary": False, "log_every_n_steps": 1}
"""The trainer's options that differ from Lightning's."""


class OneLineParser(LightningArgumentParser):
    """Lightning's parser, whose errors are one line; an option is written out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say what is wrong and exit with 2; a parser inside the parser raises instead."""
        if not self.exit_on_error:
            super().error(message, ex)
        fail(one_line(message, self, BASES))

    def add_model_and_task(self, task_required: bool = True) -> None:
        """Add the options of the network and the task; the network's sizes are the task's.

        Args:
            task_required: Whether `--data` must be given.
        """
        self.add_lightning_class_args(RecurrentModule, "model", subclass_mode=True, required=False)
        self.set_defaults({"model": {"class_path": "rnn_capacity.training.RecurrentModule"}})
        self.add_subclass_arguments(Task, "data", required=task_required)
        for size in ("input_size", "output_size"):
            self.link_arguments(f"data.{size}", f"model.init_args.{size}", apply_on="instantiate")


def reason_of(error: ValueError) -> str:
    """What a constructor of ours refused.

    Raises:
        Exception: The error's cause, if it is not a refusal.
    """
    root: BaseException = error
    while isinstance(root.__cause__, ValueError):
        root = root.__cause__
    if str(root).startswith("Does not validate") and root.__cause__ is not None:
        raise root.__cause__
    return str(root)
