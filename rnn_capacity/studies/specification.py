"""Finds the first difference between the specifications of two studies."""

from __future__ import annotations

from typing import Any


def first_difference(requested: Any, stored: Any, key: str = "") -> tuple[str, str, str] | None:
    """Return the first key at which two nested specifications differ and both values; None if all are equal.

    Args:
        requested: A specification, as read from JSON.
        stored: Another one.
        key: The dotted key of both within the whole.

    Returns:
        The dotted key and both values as text; None if the specifications are equal.
    """
    if isinstance(requested, dict) and isinstance(stored, dict):
        for name in [*requested, *(name for name in stored if name not in requested)]:
            inner = f"{key}.{name}" if key else str(name)
            if name not in requested or name not in stored:
                return inner, _text(requested, name), _text(stored, name)
            if difference := first_difference(requested[name], stored[name], inner):
                return difference
        return None
    if isinstance(requested, list) and isinstance(stored, list) and len(requested) == len(stored):
        pairs = enumerate(zip(requested, stored, strict=True))
        return next((difference for i, (a, b) in pairs if (difference := first_difference(a, b, f"{key}[{i}]"))), None)
    # True == 1 in Python, not in JSON
    same = requested == stored and isinstance(requested, bool) == isinstance(stored, bool)
    return None if same else (key, repr(requested), repr(stored))


def _text(specification: dict[str, Any], name: str) -> str:
    return repr(specification[name]) if name in specification else "nothing"
