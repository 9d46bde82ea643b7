"""Short names of hyperparameters, and the full names that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnn_capacity.formatting import format_value

CLASSES = ("model", "data", "model.init_args.optimizer", "model.init_args.schedule")
"""Options that are a class, whose arguments are below `init_args`."""


def full_name(name: str) -> str:
    """Return the name of a hyperparameter with every `init_args`, which the command line lets one leave out.

    Args:
        name: A dotted name.

    Example:
        >>> full_name("model.optimizer.lr"), full_name("trainer.max_steps")
        ('model.init_args.optimizer.init_args.lr', 'trainer.max_steps')
    """
    found, *parts = name.split(".")
    for part in parts:
        if found in CLASSES and part not in ("class_path", "init_args", "dict_kwargs"):
            found += ".init_args"
        found += f".{part}"
    return found


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Shorten dotted names to their last parts, as few as keep them distinct: lr for optimizer.init_args.lr.

    Args:
        names: Dotted names.
    """
    parts = {name: [part for part in name.split(".") if part != "init_args"] for name in names}
    found = {}
    for name, own in parts.items():
        others = [other for key, other in parts.items() if key != name]
        length = next(
            (count for count in range(1, len(own)) if all(other[-count:] != own[-count:] for other in others)), len(own)
        )
        found[name] = ".".join(own[-length:])
    return found


def format_values(values: dict[str, Any]) -> str:
    """Format hyperparameters in one line, by their short names."""
    short = short_names(values)
    return ", ".join(f"{short[name]} {format_value(value)}" for name, value in values.items())
