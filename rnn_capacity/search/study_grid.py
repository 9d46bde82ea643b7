"""The studies of a grid over cells, depths and sizes."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import product
from typing import Any

from rnn_capacity.cells import cell_class
from rnn_capacity.search.arguments import SearchOptions
from rnn_capacity.search.trial_config import Config

MODEL_ARGUMENTS = {"cells": ("cell",), "depths": ("depth",), "sizes": ("max_parameters", "hidden_size")}
"""The arguments of the model that each option of a grid decides."""


@dataclass(frozen=True)
class GridStudy:
    """One study of a grid, or the only study of a command line."""

    name: str
    """The study's name."""

    config: Config
    """What all its trials have in common."""

    fixed: tuple[str, ...] = ()
    """Hyperparameters that the grid decides, whether the sweep file has them or not."""


def grid_studies(
    options: SearchOptions, config: Config, name: str | None, task: str
) -> tuple[list[GridStudy], list[str]]:
    """List the studies that the options ask for.

    Args:
        options: The options, with or without a grid.
        config: Model, data and trainer.
        name: The study's name, or the beginning of the names of a grid; None makes one of task and config.
        task: The task's name.

    Returns:
        The studies, and a line for each point of the grid whose depth the cell does not allow.

    Raises:
        ValueError: If a list of the grid is malformed, has an unknown cell, or makes two studies of one name.
    """
    axes: dict[str, list[Any]] = {}
    if options.cells is not None:
        axes["cells"] = list_items("cells", options.cells)
    for axis, text in (("depths", options.depths), ("sizes", options.sizes)):
        if text is not None:
            axes[axis] = integer_items(axis, text)
    if not axes:
        return [GridStudy(name or f"{task}-{short_name(config)}", config)], []
    fixed = tuple(f"model.init_args.{argument}" for axis in axes for argument in MODEL_ARGUMENTS[axis])
    studies: dict[str, GridStudy] = {}
    left_out: list[str] = []
    for point in product(*axes.values()):
        own = copy.deepcopy(config)
        arguments = own["model"].setdefault("init_args", {})
        for axis, value in zip(axes, point, strict=True):
            arguments |= dict(zip(MODEL_ARGUMENTS[axis], (value, None), strict=False))
        least = cell_class(arguments["cell"]).min_network_depth
        if arguments["depth"] < least:
            left_out.append(f"{short_name(own)}: left out, {arguments['cell']} needs a depth of at least {least}")
            continue
        full = f"{name or task}/{short_name(own)}"
        if full in studies:
            raise ValueError(f"cells must be of different names, got {options.cells!r} with two studies {full}")
        studies[full] = GridStudy(full, own, fixed)
    if not studies:
        raise ValueError(f"depths must be possible for one cell at least, got {options.depths} ({'; '.join(left_out)})")
    return list(studies.values()), left_out


def short_name(config: Config) -> str:
    """Write cell, depth and size in short: rnn-d1-p700, or rnn-d1-u16 by units."""
    arguments: dict[str, Any] = config["model"]["init_args"]
    budget = arguments.get("max_parameters")
    size = f"p{budget}" if budget is not None else f"u{arguments.get('hidden_size')}"
    return f"{str(arguments['cell']).rpartition('.')[2]}-d{arguments['depth']}-{size}"


def list_items(option: str, text: str) -> list[str]:
    """Split a list with commas.

    Raises:
        ValueError: If an item is empty or given twice.
    """
    found = [part.strip() for part in text.strip("[]").split(",")]
    if "" in found or len(set(found)) < len(found):
        raise ValueError(f"{option} must be different items with commas between them, got {text!r}")
    return found


def integer_items(option: str, text: str) -> list[int]:
    """Split a list of positive integers with commas.

    Raises:
        ValueError: If an item is no positive integer.
    """
    found = list_items(option, text)
    if not all(part.isdecimal() and int(part) > 0 for part in found):
        raise ValueError(f"{option} must be positive integers with commas between them, such as 1,2,4; got {text!r}")
    return [int(part) for part in found]
