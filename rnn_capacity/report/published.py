"""Reads the paper's published numbers from `published.yaml` and the figures' captions from `panels.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def read_yaml(name: str) -> dict[str, Any]:
    """Return the content of a YAML file of the package `rnn_capacity.report`, by its name without suffix."""
    text = files("rnn_capacity.report").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def published() -> dict[str, Any]:
    """Return the numbers and claims that the paper published, from `published.yaml`."""
    return read_yaml("published")
