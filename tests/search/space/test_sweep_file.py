"""What is read of a sweep file in W&B's format, and what is refused as W&B does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.search import Metric, parse_sweep, read_sweep
from rnn_capacity.search.space.parameters import Choice, Constant, Interval, Quantile, Whole

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
        "seed": Whole(0, 9),
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
        ({"min": 1, "max": 3}, Whole(1, 3)),
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
        (sweep(metod="bayes"), r"metod: not known; did you mean method\? known are program"),
        ({"parameters": {"x": LR}}, "method: missing, one of random, grid, bayes needed"),
        (sweep(method="tpe"), "method: 'tpe' given, one of random, grid, bayes needed"),
        (sweep(method="bayes"), "metric: missing, a mapping with name and goal needed for method bayes"),
        (sweep(metric="loss"), "metric: 'loss' given, a mapping"),
        (sweep(metric={"name": "a", "goal": "max"}), "metric.goal: 'max' given, minimize or maximize allowed"),
        (sweep(metric={"goal": "maximize"}), "metric.name: None given, the key"),
        (sweep(metric={"name": "a", "gaol": 1}), r"metric.gaol: not known; did you mean goal\?"),
        (sweep({}), "parameters: {} given, a mapping of at least one"),
        (sweep({"1x": LR}), "parameters.1x: a name of letters"),
        (sweep({"x": 3}), "parameters.x: 3 given, a mapping such as value: 3"),
        (sweep({"x": {}}), "parameters.x: nothing given; value, values, min and max"),
        (sweep({"x": {"min": 1}}), "parameters.x: min given; value, values, min and max"),
        (sweep({"x": {**LR, "mn": 3}}), r"parameters.x.mn: not known; did you mean min\?"),
        (sweep({"x": {**LR, "q": 3}}), "parameters.x.q: given; log_uniform_values takes min, max"),
        (sweep({"x": {**LR, "distribution": "uniforn"}}), r"distribution: 'uniforn' given; did you mean uniform\?"),
        (sweep({"x": {"distribution": "uniform", "min": 1}}), "parameters.x.max: missing; uniform needs min, max"),
        (
            sweep({"x": {**LR, "min": "1e-5"}}),
            r"parameters.x.min: '1e-5' given, a number needed \(YAML reads 1e-5 as text: write 1.0e-5\)",
        ),
        (sweep({"x": {**LR, "min": "low"}}), "parameters.x.min: 'low' given, a number needed$"),
        (sweep({"x": {**LR, "min": True}}), "parameters.x.min: True given, a number needed"),
        (sweep({"x": {**LR, "max": float("inf")}}), "parameters.x.max: inf given, a number needed"),
        (sweep({"x": {**LR, "min": 0}}), "parameters.x.min: 0 given, a positive number needed for log_uniform_values"),
        (sweep({"x": {**LR, "min": 0.1}}), "parameters.x.min: 0.1 given, a number below max = 0.1 needed"),
        (sweep({"x": {"distribution": "log_uniform", "min": 1, "max": 1000}}), "exponents of e within ±700"),
        (sweep({"x": {"distribution": "int_uniform", "min": 1.0, "max": 3}}), "min: 1.0 given, an integer needed"),
        (sweep({"x": {"distribution": "normal", "sigma": 0}}), "sigma: 0 given, a positive number needed"),
        (sweep({"x": {"distribution": "q_beta", "q": -1}}), "q: -1 given, a positive number needed"),
        (sweep({"x": {"values": []}}), r"values: \[\] given, a list of at least one"),
        (sweep({"x": {"values": [1, 2, 1]}}), "values: 1 given twice"),
        (sweep({"x": {"values": [1, 2], "probabilities": [1]}}), r"probabilities: \[1\] given, a list of 2 numbers"),
        (sweep({"x": {"values": [1, 2], "probabilities": [0.5, 0.6]}}), "which sum to 1.1; numbers of at least 0"),
        (sweep({"x": {"values": [1, 2], "probabilities": [-1, 2]}}), "numbers of at least 0 that sum to 1"),
        (sweep({"x": {"value": yaml.safe_load("2020-01-01")}}), "value: datetime.* given, a value that JSON has"),
        (sweep({"x": {"parameters": {"y": LR}, "min": 1}}), "parameters.x: parameters, min given, parameters with"),
        (sweep({"x": {"parameters": {"y": {"min": 2, "max": 1}}}}), "parameters.x.y.min: 2 given, a number below"),
        (sweep({"x": {"parameters": {"y": LR}}, "x.y": LR}), "parameters.x.y: given twice, once nested"),
        (sweep(method="grid"), "parameters.x: a continuous distribution, or probabilities, given; method grid"),
        (sweep({"x": {"values": [1], "probabilities": [1]}}, method="grid"), "or probabilities, given; method grid"),
        (sweep(run_cap=0), "run_cap: 0 given, an integer of at least 1"),
        (sweep(command="python"), "command: 'python' given, a list needed"),
        (sweep(name=3), "name: 3 given, a text needed"),
        (sweep(kind="sweeps"), "kind: 'sweeps' given, sweep allowed"),
        (sweep(controller={}), "controller: {} given, a mapping with type: local or cloud needed"),
        (sweep(controller={"type": "mine"}), "controller: {'type': 'mine'} given, a mapping with type"),
        (sweep(scheduler="mine"), "scheduler: 'mine' given, a mapping needed"),
        (sweep(metric={"name": "a", "impute": "last"}), "metric.impute: 'last' given, 'worst', 'best', 'latest' all"),
        (sweep(metric={"name": "a", "impute_while_running": False}), "while_running: False given, .*'false' allowed"),
        (sweep({"x": {**LR, "distribution": ["uniform"]}}), r"x.distribution: \['uniform'\] given; "),
        (sweep({"x": {**LR, "max": 10**400}}), "parameters.x.max: 10* given, a number needed"),
        (sweep(early_terminate={"type": "median"}), "early_terminate: .* given, a mapping with type: hyperband"),
        (sweep(early_terminate={"type": "hyperband"}), "hyperband needs min_iter, or max_iter and s"),
        (sweep(early_terminate={"type": "hyperband", "iter": 1}), "early_terminate.iter: not known; did you mean"),
        *(
            (sweep(early_terminate={"type": "hyperband", "min_iter": 1, key: value}), f"early_terminate.{key}: {told}")
            for key, value, told in (
                ("min_iter", 0, "0 given, an integer of at least 1"),
                ("min_iter", 1.5, "1.5 given, an integer"),
                ("max_iter", "27", "'27' given, a number"),
                ("max_iter", 2.5, "2.5 given, an integer"),
                ("s", None, "None given, a number"),
                ("eta", 1, "1 given, a number above 1"),
                ("strict", "yes", "'yes' given, true or false"),
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
    with pytest.raises(ValueError, match=f"sweep: '{tmp_path}' given, which is a folder"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no such file"), ("a: [", "which is not YAML"), ("- 1", "which holds no mapping")],
)
def test_a_file_without_a_sweep_is_rejected(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "sweep.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=f"sweep: '.*sweep.yaml' given, {message}") as error:
        read_sweep(path)
    assert "\n" not in str(error.value)
