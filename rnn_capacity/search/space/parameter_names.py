"""Shortens dotted hyperparameter names for tables and logs: lr for model.init_args.optimizer.init_args.lr."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnn_capacity.formatting import format_value


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
