"""What is read of a sweep file in W&B's format, and what is refused as W&B does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.search import Metric, parse_sweep, read_sweep
from rnn_capacity.search.space.parameters import Choice, Constant, Integer, Interval, Quantile
from rnn_capacity.search.space.sweep_file import load_sweep

LR = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1}


def sweep(parameters: Any = None, **keys: Any) -> dict[str, Any]:
    return {"method": "random", "parameters": {"x": LR} if parameters is None else parameters, **keys}


def test_a_complete_sweep_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(
        """
        program: rnn_capacity
        name: mine
        project: capacity
        method: bayes
        metric: {name: final/mse, target: 0.1, impute: worst}
        run_cap: 20
        command: [a, 3, "${args_json}"]
        early_terminate: {type: hyperband, min_iter: 3}
        parameters:
          seed: {min: 0, max: 9}
          optimizer:
            parameters:
              kind: {values: [sgd, adam]}
              more: {parameters: {lr: {min: 0.0, max: 1}}}
        """
    )
    read = read_sweep(path)
    assert read.method == "bayes"
    assert read.metric == Metric("final/mse", "minimize", 0.1)
    assert read.run_cap == 20
    assert read.ignored == ("early_terminate", "metric.impute")
    assert read.space.parameters == {
        "seed": Integer(0, 9),
        "optimizer.kind": Choice(("sgd", "adam")),
        "optimizer.more.lr": Interval(0.0, 1),
    }
    assert read.file == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"value": None}, Constant(None)),
        ({"value": [1, {"a": 2}]}, Constant([1, {"a": 2}])),
        ({"distribution": "constant", "value": 3}, Constant(3)),
        ({"values": [1, "a", None]}, Choice((1, "a", None))),
        ({"values": [1, 2], "probabilities": [0.25, 0.75]}, Choice((1, 2), (0.25, 0.75))),
        ({"min": 1, "max": 3}, Integer(1, 3)),
        ({"min": 1, "max": 3.0}, Interval(1, 3.0)),
        ({"distribution": "uniform", "min": 1, "max": 3}, Interval(1, 3)),
        ({"distribution": "q_uniform", "min": 1, "max": 9}, Interval(1, 9, q=1)),
        ({"distribution": "log_uniform", "min": 0, "max": 1}, Interval(1, 2.718281828459045, log=True)),
        ({"distribution": "inv_log_uniform", "min": -1, "max": 0}, Interval(1, 2.718281828459045, log=True)),
        ({"distribution": "inv_log_uniform_values", "min": 1, "max": 4}, Interval(1, 4, log=True)),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 4, "q": 2}, Interval(1, 4, log=True, q=2)),
        ({"distribution": "normal"}, Quantile("normal", 0, 1)),
        ({"distribution": "q_log_normal", "mu": 2, "sigma": 0.5}, Quantile("log_normal", 2, 0.5, 1)),
        ({"distribution": "q_beta", "a": 2, "b": 3, "q": 0.1}, Quantile("beta", 2, 3, 0.1)),
    ],
)
def test_a_distribution_is_read_with_the_defaults_of_wandb(given: dict[str, Any], parameter: Any) -> None:
    assert parse_sweep(sweep({"x": given})).space.parameters == {"x": parameter}


@pytest.mark.parametrize("metric", [{"name": "a", "goal": "maximize", "target": 2}, {"name": "a", "target": 2}])
def test_a_target_is_reached_in_the_direction_of_the_goal(metric: dict[str, Any]) -> None:
    read = parse_sweep(sweep(metric=metric)).metric
    assert read is not None
    assert read.reached(2)
    assert read.reached(3) is (read.goal == "maximize")
    assert read.reached(1) is (read.goal == "minimize")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sweep(metod="bayes"), r"metod must be a known key; did you mean method\? known are program"),
        ({"parameters": {"x": LR}}, "method must be given"),
        (sweep(method="tpe"), "method must be one of 'random', 'grid', 'bayes'; got 'tpe'"),
        (sweep(method="bayes"), "metric must be given"),
        (sweep(metric="loss"), "metric must be a mapping, got 'loss'"),
        (sweep(metric={"name": "a", "goal": "max"}), "metric.goal must be one of 'minimize', 'maximize'; got 'max'"),
        (sweep(metric={"goal": "maximize"}), "metric.name must be given"),
        (sweep(metric={"name": "a", "gaol": 1}), r"metric.gaol must be a known key; did you mean goal\?"),
        (sweep({}), "parameters must be a mapping of at least one name, got {}"),
        (sweep({"1x": LR}), "parameters must be a name of letters, .*, got '1x'"),
        (sweep({"x": 3}), "parameters.x must be a mapping, got 3"),
        (sweep({"x": {}}), "parameters.x must have value, values, min and max, .*; got nothing"),
        (sweep({"x": {"min": 1}}), "parameters.x must have value, values, min and max, .*; got min"),
        (sweep({"x": {**LR, "mn": 3}}), r"parameters.x.mn must be a known key; did you mean min\?"),
        (sweep({"x": {**LR, "q": 3}}), "parameters.x.q must be a known key; known are min, max"),
        (
            sweep({"x": {**LR, "distribution": "uniforn"}}),
            r"distribution must be known, got 'uniforn'; did you mean uniform\?",
        ),
        (sweep({"x": {"distribution": "uniform", "min": 1}}), "parameters.x.max must be given; min, max are required"),
        (
            sweep({"x": {**LR, "min": "1e-5"}}),
            r"parameters.x.min must be a number, got '1e-5' \(YAML reads 1e-5 as text: write 1.0e-5\)",
        ),
        (sweep({"x": {**LR, "min": "low"}}), "parameters.x.min must be a number, got 'low'$"),
        (sweep({"x": {**LR, "min": True}}), "parameters.x.min must be a number, got True"),
        (sweep({"x": {**LR, "max": float("inf")}}), "parameters.x.max must be at most .*, got inf"),
        (sweep({"x": {**LR, "min": 0}}), "parameters.x.min must be a positive number, got 0"),
        (sweep({"x": {**LR, "min": 0.1}}), "parameters.x.min must be below max = 0.1, got 0.1"),
        (
            sweep({"x": {"distribution": "log_uniform", "min": 1, "max": 1000}}),
            r"x.max must be at most 700 \(an exponent of e; .*, got 1000",
        ),
        (sweep({"x": {"distribution": "int_uniform", "min": 1.0, "max": 3}}), "min must be an integer, got 1.0"),
        (sweep({"x": {"distribution": "normal", "sigma": 0}}), "sigma must be a positive number, got 0"),
        (sweep({"x": {"distribution": "q_beta", "q": -1}}), "q must be a positive number, got -1"),
        (sweep({"x": {"values": []}}), r"values must be a list of at least one value, got \[\]"),
        (sweep({"x": {"values": [1, 2, 1]}}), r"values must be a list of different values, got \[1, 2, 1\]"),
        (
            sweep({"x": {"values": [1, 2], "probabilities": [1]}}),
            r"probabilities must be a list of 2 numbers, got \[1\]",
        ),
        (
            sweep({"x": {"values": [1, 2], "probabilities": [0.5, 0.6]}}),
            r"probabilities must sum to 1, got \[0.5, 0.6\] with the sum 1.1",
        ),
        (sweep({"x": {"values": [1, 2], "probabilities": [-1, 2]}}), "probabilities.0 must be at least 0, got -1"),
        (sweep({"x": {"value": yaml.safe_load("2020-01-01")}}), "value must be a value that JSON has, got datetime"),
        (
            sweep({"x": {"parameters": {"y": LR}, "min": 1}}),
            "parameters.x must have parameters alone, got parameters, min",
        ),
        (sweep({"x": {"parameters": {"y": {"min": 2, "max": 1}}}}), "parameters.x.y.min must be below max = 1, got 2"),
        (sweep({"x": {"parameters": {"y": LR}}, "x.y": LR}), "parameters.x.y must be given once"),
        (sweep(method="grid"), "parameters.x must have value, .* for method grid, got a continuous"),
        (
            sweep({"x": {"values": [1], "probabilities": [1]}}, method="grid"),
            "for method grid, got a continuous distribution or probabilities",
        ),
        (sweep(run_cap=0), "run_cap must be at least 1, got 0"),
        (sweep(command="python"), "command must be a list, got 'python'"),
        (sweep(name=3), "name must be a text, got 3"),
        (sweep(kind="sweeps"), "kind must be sweep, got 'sweeps'"),
        (sweep(controller={}), "controller.type must be given"),
        (sweep(controller={"type": "mine"}), "controller.type must be one of 'local', 'cloud'; got 'mine'"),
        (sweep(scheduler="mine"), "scheduler must be a mapping, got 'mine'"),
        (
            sweep(metric={"name": "a", "impute": "last"}),
            "metric.impute must be one of 'worst', 'best', 'latest'; got 'last'",
        ),
        (
            sweep(metric={"name": "a", "impute_while_running": False}),
            "while_running must be one of .*'false'; got False",
        ),
        (sweep({"x": {**LR, "distribution": ["uniform"]}}), r"x.distribution must be known, got \['uniform'\]; "),
        (sweep({"x": {**LR, "max": 10**400}}), "parameters.x.max must be at most .*, got 10*"),
        (
            sweep(early_terminate={"type": "median"}),
            "early_terminate.type must be hyperband, got 'median'|early_terminate must be given",
        ),
        (
            sweep(early_terminate={"type": "hyperband"}),
            "early_terminate must be given min_iter or given max_iter and s",
        ),
        (sweep(early_terminate={"type": "hyperband", "iter": 1}), "early_terminate.* must be"),
        *(
            (
                sweep(early_terminate={"type": "hyperband", "min_iter": 1, key: value}),
                f"early_terminate.{key} must be {told}",
            )
            for key, value, told in (
                ("min_iter", 0, "at least 1, got 0"),
                ("min_iter", 1.5, "an integer, got 1.5"),
                ("max_iter", "27", "a number, got '27'"),
                ("max_iter", 2.5, "an integer, got 2.5"),
                ("s", None, "a number, got None"),
                ("eta", 1, "above 1, got 1"),
                ("strict", "yes", "true or false, got 'yes'"),
            )
        ),
    ],
)
def test_errors_are_one_line(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        parse_sweep(content)
    assert "\n" not in str(error.value)


def test_sweeps_that_wandb_accepts_are_accepted() -> None:
    rule = {"type": "hyperband", "max_iter": 27.0, "s": 2, "eta": 1.5, "strict": False}
    metric = {"name": "a", "impute": "latest", "impute_while_running": "false"}
    unused = {"kind": "sweep", "controller": {"type": "local"}, "early_terminate": rule}
    read = parse_sweep(sweep(metric=metric, **unused))
    assert read.ignored == ("early_terminate", "controller", "metric.impute", "metric.impute_while_running")


def test_a_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"sweep must be an existing file or one of .*; got '{tmp_path}'"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "an existing file or one of .*"),
        ("a: [", "a YAML file"),
        ("- 1", "a YAML file with a mapping of options"),
    ],
)
def test_a_file_without_a_sweep_is_rejected(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "sweep.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=f"sweep must be {message}[,;] got '.*sweep.yaml'") as error:
        read_sweep(path)
    assert "\n" not in str(error.value)


def test_a_sweep_file_extends_another_one(tmp_path: Path) -> None:
    base = {**sweep(parameters={"a": {"value": 1}, "b": {"value": 2}}), "metric": {"name": "final/loss"}}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    own = {"extends": "base.yaml", "method": "random", "parameters": {"a": None, "c": {"value": 3}}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    found = load_sweep(tmp_path / "own.yaml")
    assert found == {**base, "method": "random", "parameters": {"b": {"value": 2}, "c": {"value": 3}}}


def test_a_sweep_file_cannot_extend_one_that_extends_another(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: own.yaml")
    with pytest.raises(ValueError, match=r"extends must name a complete sweep file, got '.*own.yaml'"):
        load_sweep(path)
    path.write_text("extends: missing.yaml")
    with pytest.raises(ValueError, match=r"extends must be an existing file or one of .*; got 'missing.yaml'"):
        load_sweep(path)


def test_a_copy_of_a_shipped_sweep_extends_the_copy_beside_it(tmp_path: Path) -> None:
    (tmp_path / "capacity.yaml").write_text("{method: grid, parameters: {a: {value: 1}}}")
    (tmp_path / "own.yaml").write_text("{extends: capacity, parameters: {b: {value: 2}}}")
    found = load_sweep(tmp_path / "own.yaml")
    assert found == {"method": "grid", "parameters": {"a": {"value": 1}, "b": {"value": 2}}}


def test_parameters_of_an_extended_sweep_are_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("{method: grid, parameters: }")
    (tmp_path / "own.yaml").write_text("{extends: base.yaml, parameters: [a, b]}")
    with pytest.raises(ValueError, match=r"parameters must be a mapping of hyperparameters, got \['a', 'b'\]"):
        load_sweep(tmp_path / "own.yaml")
