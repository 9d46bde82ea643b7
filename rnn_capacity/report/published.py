"""The numbers that the paper published, from `published.yaml`, and the texts of the page, from `panels.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def read_yaml(name: str) -> dict[str, Any]:
    """Return the content of a YAML file of this package, by its name without the suffix."""
    text = files("rnn_capacity.report").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def published() -> dict[str, Any]:
    """Return the numbers that the paper published."""
    return read_yaml("published")
