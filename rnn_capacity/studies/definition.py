"""Whether a study measures what it is asked to."""

from __future__ import annotations

from typing import Any

ABSENT = "nothing"


def difference(given: Any, stored: Any, key: str = "") -> tuple[str, str, str] | None:
    """The first key, depth first, at which two definitions differ.

    Args:
        given: A definition, as JSON gives it back.
        stored: Another one.
        key: Where both stand, with dots.

    Returns:
        The key, what was given and what is stored; None if they are equal.
    """
    if isinstance(given, dict) and isinstance(stored, dict):
        for name in [*given, *(name for name in stored if name not in given)]:
            inner = f"{key}.{name}" if key else str(name)
            if name not in given or name not in stored:
                return inner, text(given, name), text(stored, name)
            if found := difference(given[name], stored[name], inner):
                return found
        return None
    if isinstance(given, list) and isinstance(stored, list) and len(given) == len(stored):
        pairs = enumerate(zip(given, stored, strict=True))
        return next((found for i, (a, b) in pairs if (found := difference(a, b, f"{key}[{i}]"))), None)
    # True == 1 in Python, not in JSON
    same = given == stored and isinstance(given, bool) == isinstance(stored, bool)
    return None if same else (key, repr(given), repr(stored))


def text(definition: dict[str, Any], name: str) -> str:
    """What a definition has under a name."""
    return repr(definition[name]) if name in definition else ABSENT
