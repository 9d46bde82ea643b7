from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.cells import CELLS
from rnn_capacity.search import read_sweep
from rnn_capacity.search.space.parameter_names import format_values, short_names
from rnn_capacity.search.space.sweep_file import load_sweep
from rnn_capacity.search.specification import StudySpecification
from tests.program import CONFIGS

CELL = "model.init_args.cell"
SWEEPS = [path for path in sorted(CONFIGS.glob("sweeps/*.yaml")) if "fit" in load_sweep(path)["command"]]
"""Those of single networks."""

WITHOUT_AND_WITH = ("irnn", "intersection")
"""The cell that takes the fewest hyperparameters, and the one that takes the most: for the tables of other tasks."""


def base(sweep: Path, cell: str) -> dict[str, Any]:
    """The config that a sweep's command names, with another cell."""
    command = load_sweep(sweep)["command"]
    config = CONFIGS / f"{command[command.index('--config') + 1]}.yaml"
    content: dict[str, Any] = yaml.safe_load(config.read_text())
    options = {**content["model"], "cell": cell, "depth": 2}
    content["model"] = {"class_path": "rnn_capacity.training.RecurrentModule", "init_args": options}
    content["trainer"] = {"max_steps": content["trainer"]["max_steps"], "precision": None}
    return content


@pytest.mark.parametrize(
    ("sweep", "cell"),
    [(sweep, cell) for sweep in SWEEPS for cell in (CELLS if sweep.stem.startswith("capacity") else WITHOUT_AND_WITH)],
    ids=lambda given: given if isinstance(given, str) else given.stem,
)
def test_every_shipped_sweep_fits_its_config_with_any_cell(sweep: Path, cell: str) -> None:
    read = read_sweep(sweep)
    fixed = (CELL,) if CELL in read.space.parameters else ()
    created, _ = StudySpecification.create(base(sweep, cell), read, fixed)
    again = StudySpecification.from_json(json.loads(json.dumps(created.to_json())))
    assert again.to_json() == created.to_json()
    assert again.space == created.space
    assert again.objective.goal == ("minimize" if read.metric is None else read.metric.goal)


def test_short_names_are_distinct() -> None:
    names = ["model.init_args.optimizer.init_args.lr", "model.init_args.seed", "data.init_args.seed", "trainer.lr.b"]
    assert list(short_names(names).values()) == ["lr", "model.seed", "data.seed", "b"]
    assert format_values({"model.init_args.a": 0.123456, "data.init_args.b": "c"}) == "a 0.1235, b c"
