"""The specifications of a command line's studies: of one, or of a grid over cells, depths and sizes."""

from __future__ import annotations

import copy
import os
from itertools import product
from pydoc import locate
from typing import Any

from rnn_capacity.cells import cell_class
from rnn_capacity.files import is_folder_name
from rnn_capacity.parsing import BASES
from rnn_capacity.search.arguments import Arguments, SearchOptions
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.search.trials import Config

MODEL_ARGUMENTS = {"cells": ("cell",), "depths": ("depth",), "sizes": ("max_parameters", "hidden_size")}
"""The arguments of the model that each option of a grid decides."""

MAX_STUDY_NAME = 512
"""Maximum length in characters of a study's name in Optuna's databases."""


def grid_specifications(arguments: Arguments) -> tuple[dict[str, StudySpecification], list[str]]:
    """Make the specification of each study that a command line asks for, by the study's name.

    Args:
        arguments: The command line, with or without a grid.

    Returns:
        The specifications, and a line for each thing that the command line asks for and that is left out.

    Raises:
        ValueError: If config, sweep and grid do not fit together, or a list of the grid is malformed, has an unknown
            cell, or makes two studies of one name.
    """
    options, config, sweep = arguments.options, arguments.config, arguments.sweep
    for part in BASES:
        if config[part] is None:
            raise ValueError(f"{part} must be given, for example with --config random_mapping")
    if sweep is None:
        raise ValueError("sweep must be given, for example with --sweep capacity")
    axes = grid_axes(options)
    fixed = tuple(f"model.init_args.{argument}" for axis in axes for argument in MODEL_ARGUMENTS[axis])
    configs, left_out = grid_configs(options, config, axes)
    specifications: dict[str, StudySpecification] = {}
    for name, own in configs.items():
        try:
            specifications[name], notes = StudySpecification.create(own, sweep, fixed, options.seed)
        except ValueError as error:
            raise ValueError(f"{name}: {error}" if len(configs) > 1 else str(error)) from error
        left_out += notes
    ignored = [f"sweep: {key} left out, members of a population train to their end" for key in sweep.ignored]
    return specifications, [*ignored, *dict.fromkeys(left_out)]


def grid_axes(options: SearchOptions) -> dict[str, list[Any]]:
    """Parse the grid options `--cells`, `--depths` and `--sizes` into lists of values, omitting those not given.

    Raises:
        ValueError: If a list is malformed.
    """
    axes: dict[str, list[Any]] = {}
    for axis in MODEL_ARGUMENTS:
        text: str | None = getattr(options, axis)
        if text is None:
            continue
        items: list[Any] = [part.strip() for part in text.strip("[]").split(",")]
        if axis != "cells" and "" not in items:
            if not all(item.isdecimal() and int(item) > 0 for item in items):
                raise ValueError(
                    f"{axis} must be positive integers with commas between them, such as 1,2,4; got {text!r}"
                )
            items = [int(item) for item in items]
        if "" in items or len(set(items)) < len(items):
            raise ValueError(f"{axis} must be different items with commas between them, got {text!r}")
        axes[axis] = items
    return axes


def grid_configs(
    options: SearchOptions, config: Config, axes: dict[str, list[Any]]
) -> tuple[dict[str, Config], list[str]]:
    """Make the config of each study of a grid, as a dict by study name, leaving out depths too small for a cell.

    Raises:
        ValueError: If a cell is unknown, two studies have one name, or no study is left.
    """
    name = study_name(options.study)
    task = getattr(locate(config["data"]["class_path"]), "name", None)
    if not axes:
        return {name or f"{task}-{short_name(config)}": config}, []
    configs: dict[str, Config] = {}
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
        if full in configs:
            raise ValueError(f"cells must be of different names, got {options.cells!r} with two studies {full}")
        configs[full] = own
    if not configs:
        raise ValueError(f"depths must be possible for one cell at least, got {options.depths} ({'; '.join(left_out)})")
    return configs, left_out


def short_name(config: Config) -> str:
    """Write cell, depth and size in short: rnn-d1-p700, or rnn-d1-u16 by units."""
    arguments: dict[str, Any] = config["model"]["init_args"]
    budget = arguments.get("max_parameters")
    size = f"p{budget}" if budget is not None else f"u{arguments.get('hidden_size')}"
    return f"{str(arguments['cell']).rpartition('.')[2]}-d{arguments['depth']}-{size}"


def study_name(given: str | None) -> str | None:
    """Expand environment variables in a study's name and check that it can be a relative folder path.

    Raises:
        ValueError: If the name is not a relative path of folders, or a variable is not set.
    """
    if given is None:
        return None
    name = os.path.expandvars(given)
    if "$" in name:
        raise ValueError(f"study must have variables that the environment sets, got {given!r}")
    if not all(is_folder_name(part) for part in name.split("/")) or len(name) > MAX_STUDY_NAME:
        raise ValueError(f"study must be a name that folders can have, got {given!r}")
    return name
