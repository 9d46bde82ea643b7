"""Loads YAML files of bounded size; imports nothing that takes long."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

MAX_CONFIG = 1_000_000
"""Largest size of a YAML file in bytes; PyYAML takes minutes for a larger one."""

MAX_VALUES = 100_000
"""Largest number of values in a YAML file, counting those that aliases repeat: a few lines of aliases can stand for
billions."""


def load_mapping(argument: str, path: Path) -> dict[str, Any]:
    """Load a YAML file of bounded size that contains a mapping.

    Args:
        argument: Name of the argument for error messages.
        path: The file.

    Raises:
        ValueError: If the file cannot be read, is too large, or contains something else.
    """
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise ValueError(f"{argument} must be a file of at most {MAX_CONFIG:,} bytes, got {str(path)!r}")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if count_values(content, {}) > MAX_VALUES:
            raise ValueError(f"{argument} must be a YAML file with at most {MAX_VALUES:,} values, got {str(path)!r}")
    except OSError as error:
        raise ValueError(f"{argument} must be a readable file, got {str(path)!r} ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{argument} must be a YAML file, got {str(path)!r} ({reason})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{argument} must be a YAML file with a mapping of options, got {str(path)!r}")
    return content


def count_values(content: object, known: dict[int, float]) -> float:
    """Count the values of a loaded YAML document, including repetitions by aliases.

    The count is infinite if the document contains itself.

    Args:
        content: The document.
        known: Counts of mappings and lists by their identity.
    """
    if not isinstance(content, (dict, list)):
        return 1
    if id(content) not in known:
        known[id(content)] = math.inf  # until it is counted, which it never is inside itself
        parts = content.values() if isinstance(content, dict) else content
        known[id(content)] = 1 + sum(count_values(part, known) for part in parts)
    return known[id(content)]
