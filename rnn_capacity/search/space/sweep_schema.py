"""Validates a W&B sweep file against its JSON schema, with one-line error messages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from rnn_capacity.messages import closest

TYPES = {
    "string": "a text",
    "object": "a mapping",
    "array": "a list",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}
"""Maps type names of JSON schema to the words of error messages, such as array to a list."""

VALIDATOR = extend(  # type: ignore[no-untyped-call]  # the stubs have it so
    Draft202012Validator,
    # JSON schema takes 3.0 for an integer
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)


@cache
def schemas() -> dict[str, Any]:
    """Load the JSON schemas of sweep files, by the names `sweep`, `parameters` and `distributions`."""
    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return content


def validate(content: Any, schema: dict[str, Any], path: str = "") -> None:
    """Validate part of a sweep file.

    Args:
        content: The part.
        schema: The part's JSON schema.
        path: Where the part stands in the file, by dotted keys.

    Raises:
        ValueError: If the schema rejects it; one line with the key, the constraint and the value.
    """
    error = best_match(VALIDATOR(schema).iter_errors(content))
    if error is not None:
        raise ValueError(one_line(error, path)) from error


def one_line(error: Any, path: str) -> str:
    """Format a jsonschema validation error as "<key> must be <constraint>, got <value>"."""
    key = ".".join(filter(None, [path, *map(str, error.absolute_path)]))
    rule, constraint, value = error.validator, error.validator_value, error.instance
    below = f"{key}." if key else ""
    if rule == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(name for name in value if name not in known)
        return f"{below}{unknown} must be a known key; {closest(str(unknown), known)}"
    if rule == "required":
        name = next(name for name in constraint if name not in value)
        return (
            f"{below}{name} must be given; {', '.join(constraint)} {'is' if len(constraint) == 1 else 'are'} required"
        )
    if rule == "enum":
        needed = f"one of {', '.join(map(repr, constraint))};" if len(constraint) > 1 else f"{constraint[0]},"
        return f"{key} must be {needed} got {value!r}"
    constraints: dict[str, Callable[[], str]] = {
        "type": lambda: TYPES[constraint],
        "minimum": lambda: f"at least {constraint}",
        "maximum": lambda: f"at most {constraint}",
        "exclusiveMinimum": lambda: "a positive number" if constraint == 0 else f"above {constraint}",
        "multipleOf": lambda: "an integer",
        "minItems": lambda: "a list of at least one value",
        "minProperties": lambda: "a mapping of at least one name",
        "uniqueItems": lambda: "a list of different values",
        "pattern": lambda: "a name of letters, digits and _ . - that begins with a letter or _",
        "anyOf": lambda: " or ".join(f"given {' and '.join(option['required'])}" for option in constraint),
    }
    needed = constraints[rule]()
    description = f" ({error.schema['description']})" if "description" in error.schema else ""
    return f"{key} must be {needed}{description}, got {value!r}{number_hint(value) if rule == 'type' else ''}"


def number_hint(value: Any) -> str:
    """Return a hint for numbers that YAML reads as text, such as 1e-5 without a point; empty for other values."""
    with suppress(ValueError, AttributeError):
        digits, _, exponent = value.lower().partition("e")
        point = digits if "." in digits else f"{digits}.0"
        return f" (YAML reads {value} as text: write {point}e{int(exponent):+d})" if float(value) else ""
    return ""
