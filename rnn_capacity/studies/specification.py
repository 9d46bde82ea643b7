"""Comparison of a study's specification with the stored one."""

from __future__ import annotations

from typing import Any


def first_difference(given: Any, stored: Any, key: str = "") -> tuple[str, str, str] | None:
    """Find the first key, depth first, at which two specifications differ.

    Args:
        given: A specification, as JSON gives it back.
        stored: Another one.
        key: The dotted key of both within the whole.

    Returns:
        The dotted key and both values as text; None if the specifications are equal.
    """
    if isinstance(given, dict) and isinstance(stored, dict):
        for name in [*given, *(name for name in stored if name not in given)]:
            inner = f"{key}.{name}" if key else str(name)
            if name not in given or name not in stored:
                return inner, _text(given, name), _text(stored, name)
            if found := first_difference(given[name], stored[name], inner):
                return found
        return None
    if isinstance(given, list) and isinstance(stored, list) and len(given) == len(stored):
        pairs = enumerate(zip(given, stored, strict=True))
        return next((found for i, (a, b) in pairs if (found := first_difference(a, b, f"{key}[{i}]"))), None)
    # True == 1 in Python, not in JSON
    same = given == stored and isinstance(given, bool) == isinstance(stored, bool)
    return None if same else (key, repr(given), repr(stored))


def _text(specification: dict[str, Any], name: str) -> str:
    return repr(specification[name]) if name in specification else "nothing"
