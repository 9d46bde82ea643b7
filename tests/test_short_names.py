"""Hyperparameters by short names, as a W&B agent hands them over and as sweep files have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.cells import RNNCell
from rnn_capacity.search import parse_sweep
from rnn_capacity.search.space.narrowing import narrow
from rnn_capacity.search.specification import StudySpecification
from tests.program import CONFIGS
from tests.test_text_options import parse as parse

OPTIMIZER = "model.init_args.optimizer"

VALUES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"model.optimizer.lr": 0.25}, {f"{OPTIMIZER}.init_args.lr": 0.25}),
    (
        {"model.optimizer.momentum": 0.5, "model.optimizer": "torch.optim.SGD"},
        {f"{OPTIMIZER}.class_path": "torch.optim.SGD", f"{OPTIMIZER}.init_args.momentum": 0.5},
    ),
    ({"model.clip_norm": None}, {"model.init_args.clip_norm": None}),
    ({"model.schedule": None, "model.seed": 7}, {"model.init_args.schedule": None, "model.init_args.seed": 7}),
    ({"data.batch_size": 16}, {"data.init_args.batch_size": 16}),
    ({"model.cell": "lstm", "model.b_fg.forget": 2.0}, {"model.init_args.b_fg": {"forget": 2.0}}),
    ({"model.initialization.bias_scale": 0.5}, {"model.init_args.initialization.bias_scale": 0.5}),
    ({"model.schedule.eta_min": 1e-4}, {"model.init_args.schedule.init_args.eta_min": 1e-4}),
    ({"trainer.max_steps": 40}, {"trainer.max_steps": 40}),
]


@pytest.mark.parametrize(("given", "expected"), VALUES, ids=lambda value: ", ".join(value))
def test_a_config_takes_short_names(
    given: dict[str, Any], expected: dict[str, Any], parse: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "args.json").write_text(json.dumps(given))
    for config in (json.dumps(given), tmp_path / "args.json"):
        options = parse(f"--config={config}")
        assert {name: options[name] for name in expected} == expected


def test_a_nested_config_takes_short_names(parse: Callable[..., Any]) -> None:
    options = parse('--config={"model": {"clip_norm": null, "optimizer": {"lr": 0.25}}, "data": {"seed": 3}}')
    assert (options.model.init_args.clip_norm, options[f"{OPTIMIZER}.init_args.lr"]) == (None, 0.25)
    assert options.data.init_args.seed == 3


@pytest.mark.parametrize("nested", [False, True])
def test_a_sweep_takes_short_names(nested: bool) -> None:
    distribution = {"min": 0.1, "max": 1.0}
    parameters: dict[str, Any] = {"model.optimizer.lr": distribution, "model.clip_norm": {"value": None}}
    if nested:
        inner = {"optimizer": {"parameters": {"lr": distribution}}, "clip_norm": {"value": None}}
        parameters = {"model": {"parameters": inner}}
    space = parse_sweep({"method": "random", "parameters": parameters}).space
    assert list(space.parameters) == [f"{OPTIMIZER}.init_args.lr", "model.init_args.clip_norm"]


def test_a_short_name_narrows_the_space_as_its_full_name_does() -> None:
    parameters = {
        "model.cell": {"values": ["rnn", "gru"]},
        "model.b_fg": {"min": 0.0, "max": 1.0},
        "model.initialization.recurrent_scale": {"min": 0.5, "max": 1.5},
        "model.nonlinearity": {"values": ["tanh", "relu"]},
    }
    space, lines = narrow(parse_sweep({"method": "random", "parameters": parameters}).space, RNNCell)
    assert list(space.parameters) == ["model.init_args.initialization.recurrent_scale", "model.init_args.nonlinearity"]
    assert [line.partition(":")[0] for line in lines] == ["model.init_args.cell", "model.init_args.b_fg"]


def test_a_trial_gets_the_values_of_short_names() -> None:
    content = yaml.safe_load((CONFIGS / "random_mapping.yaml").read_text(encoding="utf-8"))
    content["model"] = {"class_path": "rnn_capacity.training.RecurrentModule", "init_args": content["model"]}
    config = {**content, "trainer": {"max_steps": 10, "precision": None}}
    parameters = {"model.optimizer.lr": 0.25, "model.clip_norm": None, "data.batch_size": 16, "model.cell": "gru"}
    sweep = parse_sweep({"method": "random", "parameters": {name: {"value": one} for name, one in parameters.items()}})
    specification, _ = StudySpecification.create(config, sweep)
    member = specification.example()
    task: Any = member.task
    assert (member.module.cell, member.module.rule.clip_norm, task.batch_size) == ("gru", None, 16)
    assert member.module.build_optimizer(10)[0].param_groups[0]["initial_lr"] == 0.25
