from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml

from rnn_capacity.population import Member
from rnn_capacity.search.trials import TrialBuilder, nest
from tests.program import CONFIGS

LR = "model.init_args.optimizer.init_args.lr"
SCALE = "model.init_args.initialization.recurrent_scale"
SAMPLES = "data.init_args.samples_per_parameter"


def factory(config: str = "random_mapping", **trainer: Any) -> TrialBuilder:
    content = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())
    return TrialBuilder({**content, "trainer": {"max_steps": 30, **trainer}})


def facts(member: Member) -> list[Any]:
    """Everything that the training of a member depends on."""
    module = member.module
    optimizer, schedule = module.build_optimizer(member.max_steps)
    group = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    weights = [parameter.tolist() for parameter in module.parameters()]
    return [type(optimizer), group, type(schedule), dict(module.hparams), weights, member.task, member.max_steps]


def test_values_reach_network_task_and_optimizer() -> None:
    member = factory()({LR: 0.02, SCALE: 0.7, SAMPLES: 3.0, "trainer.max_steps": 70, "model.init_args.cell": "gru"})
    optimizer, _ = member.module.build_optimizer(70)
    assert optimizer.param_groups[0]["initial_lr"] == 0.02
    assert (member.module.cell, member.max_steps) == ("gru", 70)
    assert member.module.hparams["initialization"].recurrent_scale == 0.7
    assert member.module.hparams["initialization"].input_scale == 0.5  # the config's
    assert member.task.samples == 3 * member.module.parameters_total


@pytest.mark.parametrize(
    "points",
    [
        [{LR: 0.02, SCALE: 0.7}, {LR: 0.03, SCALE: 1}],
        [{"model.init_args.b_fg": 0.0}, {"model.init_args.b_fg": 2.0}],
        [{"model.init_args.cell": "gru", "model.init_args.b_fg.update": value} for value in (1.0, 2.0)],
        [{f"{SCALE}.candidate": value} for value in (0.5, 0.9)],
        [{"model.init_args.seed": value, "data.init_args.seed": value} for value in (1, 2)],
        [{"model.init_args.clip_norm": 0.5}, {"model.init_args.clip_norm": None}, {"model.init_args.clip_norm": 0.1}],
        [
            {"model.init_args.optimizer": kind, LR: rate}
            for kind, rate in (("torch.optim.RMSprop", 0.1), ("torch.optim.Adam", 0.2), ("torch.optim.RMSprop", 0.3))
        ],
        [
            {"model.init_args.optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": m}}}
            for m in (0.5, 0.9)
        ],
        [
            {"model.init_args.optimizer.class_path": kind, LR: rate, "model.init_args.residual": True}
            for kind, rate in (("torch.optim.RMSprop", 0.1), ("torch.optim.Adam", 0.2), ("torch.optim.RMSprop", 0.3))
        ],
        [
            {"model.init_args.nonlinearity": kind, "data.init_args.show": show, "model.init_args.layer_norm": norm}
            for kind, show, norm in (("tanh", "every", False), ("relu", "first", True), ("tanh", "first", True))
        ],
        [{"model.init_args.nonlinearity": kind, LR: 0.1} for kind in ("tanh", None, "relu", None, "tanh")],
        [{"model.init_args.hidden_size": 7, "model.init_args.max_parameters": None, "model.init_args.depth": 2}],
    ],
    ids=lambda points: " ".join(points[0]),
)
def test_a_shared_factory_makes_the_members_of_separate_factories(points: list[dict[str, Any]]) -> None:
    together = factory()
    for point in points + points[:1]:
        assert facts(together(point)) == facts(factory()(point))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model.init_args.optimizer.init_args.lrr": 1.0}, ["model.optimizer.lrr must be", "did you mean lr?"]),
        ({"model.init_args.lr": 1.0}, ["model.lr must be", "max_parameters"]),
        ({"data.init_args.sample": 3}, ["data.sample must be", "did you mean samples?"]),
        ({"modell.init_args.depth": 3}, ["modell.init_args.depth", "model.*, data.* and trainer.max_steps"]),
        ({"trainer.precision": "bf16"}, ["trainer.precision", "trainer.max_steps"]),
        ({"model.init_args.depth": 1.5}, ["model.depth", "int", "1.5"]),
        ({"model.init_args.cell": "foo"}, ["cell must be one of rnn, irnn", "got 'foo'"]),
        ({"model.init_args.cell": "intersection"}, ["depth must be at least 2"]),
        ({LR: -1.0}, ["learning rate", "-1"]),
        ({SAMPLES: 1e6}, ["samples must be at most 2**input_size = 16777216 distinct patterns"]),
        ({"trainer.max_steps": 3.5}, ["trainer.max_steps must be an integer", "integer"]),
        ({"model.init_args.nonlinearity": "sigmoid"}, ["model.nonlinearity", "tanh", "relu"]),
        ({"trainer.max_steps": 0}, ["max_steps must be at least 1, got 0"]),
        (
            {"model.init_args.schedule.class_path": "torch.optim.lr_scheduler.LambdaLR"},
            ["model.schedule.lr_lambda must be given"],
        ),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else None,
)
def test_values_that_fit_rejects_are_rejected_in_one_line(values: dict[str, Any], words: list[str]) -> None:
    make = factory()
    make({LR: 0.01})
    with pytest.raises(ValueError, match=r"(?s).*") as refused:
        make(values)
    text = str(refused.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    assert make({LR: 0.01}).max_steps == 30  # and the next one is not in the way


def test_members_with_equal_task_options_share_the_task() -> None:
    make = factory("language")
    points = ((0.1, 6000), (0.2, 6000), (0.1, 7000))
    one, other, third = (make({LR: rate, "data.init_args.length": length}) for rate, length in points)
    assert one.task is other.task
    assert one.task is not third.task


@pytest.mark.parametrize(
    ("precision", "dtype"), [(None, torch.float32), ("32-true", torch.float32), ("64-true", torch.float64)]
)
def test_the_precision_is_that_of_the_networks(precision: str | None, dtype: torch.dtype) -> None:
    make = factory(precision=precision)
    assert {parameter.dtype for parameter in make({}).module.parameters()} == {dtype}
    assert make.fit_config({})["trainer"]["precision"] == precision


def test_mixed_precision_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"trainer.precision must be 32-true or 64-true .*, got 'bf16-mixed'"):
        factory(precision="bf16-mixed")


def test_the_written_config_makes_the_same_member() -> None:
    values = {LR: 0.02, "model.init_args.optimizer": "torch.optim.RMSprop", SAMPLES: 3.0, "trainer.max_steps": 7}
    make = factory()
    written = yaml.safe_load(yaml.safe_dump(make.fit_config(values)))
    assert facts(TrialBuilder(written)({})) == facts(make(values))


def test_names_become_a_nested_config() -> None:
    given = {"a.b": "path.Class", "a.b.init_args.lr": 1, "a.c": {"d": 2}, "e": 3, "f.g.h": 4}
    nested = {"class_path": "path.Class", "init_args": {"lr": 1}}
    assert nest(given) == {"a": {"b": nested, "c": {"d": 2}}, "e": 3, "f": {"g": {"h": 4}}}
