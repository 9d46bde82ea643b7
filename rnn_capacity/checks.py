"""Checks of arguments, which raise errors such as "hidden_size must be at least 1, got 0"."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

INT64_MAX = 2**63 - 1
"""The largest 64-bit integer, which torch's int64 tensors can hold."""


def check_minimum(minimum: float, **arguments: float | None) -> None:
    """Check that numbers are at least a minimum, leaving out those that are None.

    Args:
        minimum: The smallest value allowed.
        **arguments: Values by argument name.

    Raises:
        ValueError: If a value is smaller, infinite, or not a number.
    """
    for name, value in arguments.items():
        if value is not None and not minimum <= value < math.inf:
            finite = "a finite number of " if value == math.inf else ""
            raise ValueError(f"{name} must be {finite}at least {minimum}, got {value}")


def check_positive(**arguments: float | None) -> None:
    """Check that numbers are positive and finite, leaving out those that are None.

    Args:
        **arguments: Values by argument name.

    Raises:
        ValueError: If a value is not above 0, not finite, or not a number.
    """
    for name, value in arguments.items():
        if value is not None and not 0 < value < math.inf:
            finite = "finite " if value == math.inf else ""
            raise ValueError(f"{name} must be a {finite}positive number, got {value:g}")


def check_fraction(**arguments: float) -> None:
    """Check that numbers lie in [0, 1).

    Args:
        **arguments: Values by argument name.

    Raises:
        ValueError: If a value lies outside.
    """
    for name, value in arguments.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be in [0, 1), got {value:g}")


def check_choice(choices: Iterable[str | None], **arguments: str | None) -> None:
    """Check that each argument is one of the allowed names.

    Args:
        choices: The allowed values; None is shown as null, as in YAML.
        **arguments: Values by argument name.

    Raises:
        ValueError: If a value is not allowed; the message lists the choices.
    """
    allowed = list(choices)
    for name, value in arguments.items():
        if value not in allowed:
            listed = ", ".join("null" if choice is None else choice for choice in allowed)
            raise ValueError(f"{name} must be one of {listed}; got {value!r}")


def check_memory(**arguments: int) -> None:
    """Check that a count of 32-bit numbers fits in the memory of this machine.

    Args:
        **arguments: How many numbers there are at least, by the name of the argument that asks for them.

    Raises:
        ValueError: If they need more than the machine has.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name, numbers in arguments.items():
        if 4 * numbers > memory:
            raise ValueError(
                f"{name} must fit in this machine's memory of {memory / 2**30:.3g} GiB, "
                f"got {name} that needs {4 * numbers / 2**30:.3g} GiB"
            )


def check_finite(**arguments: Any) -> None:
    """Check that all numbers, those inside lists and mappings included, are finite and fit in 64 bits.

    Args:
        **arguments: Values by argument name; what is no number is not checked.

    Raises:
        ValueError: If a number is infinite, not a number, or an integer beyond 64 bits.
    """
    for name, value in arguments.items():
        if isinstance(value, dict):
            check_finite(**{f"{name}.{key}": part for key, part in value.items()})
        elif isinstance(value, (list, tuple)):
            check_finite(**{f"{name}.{index}": part for index, part in enumerate(value)})
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")
        elif isinstance(value, int) and abs(value) > INT64_MAX:
            bound = f"at most {INT64_MAX}" if value > 0 else f"at least {-INT64_MAX}"
            raise ValueError(f"{name} must be {bound}, got {value}")
