"""A grid of studies: one for each cell, depth and size."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import product
from typing import Any

from rnn_capacity.cells import cell_class
from rnn_capacity.search.options import SearchOptions
from rnn_capacity.search.trial_config import Config

ARGUMENTS = {"cells": ("cell",), "depths": ("depth",), "sizes": ("max_parameters", "hidden_size")}
"""The arguments of the model that each option of a grid decides."""


@dataclass(frozen=True)
class GridStudy:
    """A study to be begun."""

    name: str
    """Its name."""

    config: Config
    """What is the same for all its trials."""

    fixed: tuple[str, ...] = ()
    """Hyperparameters that the sweep may have and the grid decides."""


def grid_studies(
    options: SearchOptions, config: Config, name: str | None, task: str
) -> tuple[list[GridStudy], list[str]]:
    """The studies that the options ask for, and a line for each that cannot be.

    Args:
        options: With or without a grid.
        config: Model, data and trainer.
        name: The study's name, or the beginning of the grid's; None is made of the task and what the config has.
        task: The task's name.

    Raises:
        ValueError: If a list of the grid is malformed, or has a cell that is not known, or two of one name.
    """
    axes = {
        "cells": None if options.cells is None else items("cells", options.cells),
        "depths": None if options.depths is None else whole_numbers("depths", options.depths),
        "sizes": None if options.sizes is None else whole_numbers("sizes", options.sizes),
    }
    given = {axis: values for axis, values in axes.items() if values is not None}
    if not given:
        return [GridStudy(name or f"{task}-{label(config)}", config)], []
    fixed = tuple(f"model.init_args.{argument}" for axis in given for argument in ARGUMENTS[axis])
    found: list[GridStudy] = []
    lines: list[str] = []
    for point in product(*given.values()):
        own = copy.deepcopy(config)
        arguments = own["model"].setdefault("init_args", {})
        for axis, value in zip(given, point, strict=True):
            arguments |= dict(zip(ARGUMENTS[axis], (value, None), strict=False))
        cell, depth = cell_class(arguments["cell"]), arguments["depth"]
        if depth < cell.min_network_depth:
            lines.append(f"{label(own)}: left out, {arguments['cell']} needs depth {cell.min_network_depth} at least")
            continue
        full = f"{name or task}/{label(own)}"
        if any(plan.name == full for plan in found):
            raise ValueError(
                f"cells: {options.cells} given, of which two make the study {full}; one a search is allowed"
            )
        found.append(GridStudy(full, own, fixed))
    if not found:
        raise ValueError(f"depths: {options.depths} given, {'; '.join(lines)}")
    return found, lines


def label(config: Config) -> str:
    """Cell, depth and size in short: rnn-d1-p700, or rnn-d1-u16 by units."""
    arguments: dict[str, Any] = config["model"]["init_args"]
    budget = arguments.get("max_parameters")
    size = f"p{budget}" if budget is not None else f"u{arguments.get('hidden_size')}"
    return f"{str(arguments['cell']).rpartition('.')[2]}-d{arguments['depth']}-{size}"


def items(option: str, text: str) -> list[str]:
    """The parts of a list with commas.

    Raises:
        ValueError: If one is empty or given twice.
    """
    found = [part.strip() for part in text.strip("[]").split(",")]
    if "" in found or len(set(found)) < len(found):
        raise ValueError(f"{option}: {text!r} given, a list with commas of which each is given once needed")
    return found


def whole_numbers(option: str, text: str) -> list[int]:
    """The positive integers of a list with commas.

    Raises:
        ValueError: If one is none.
    """
    found = items(option, text)
    if not all(part.isdecimal() and int(part) > 0 for part in found):
        raise ValueError(f"{option}: {text!r} given, positive integers with commas needed, for example 1,2,4")
    return [int(part) for part in found]
