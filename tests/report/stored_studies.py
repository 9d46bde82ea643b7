"""Studies in a storage as `rnn-capacity search` writes them, with made-up results."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from rnn_capacity.studies import Goal, Proposal, Study

LR = "model.init_args.optimizer.init_args.lr"
SEED = "model.init_args.seed"


def specification(
    task: str = "rnn_capacity.tasks.RandomMapping",
    metric: str = "bits_per_parameter",
    goal: Goal = "maximize",
    method: str = "bayes",
    parameters: dict[str, Any] | None = None,
    fixed: tuple[str, ...] = (),
    data: dict[str, Any] | None = None,
    **model: Any,
) -> dict[str, Any]:
    """A study's specification."""
    network = {"cell": "rnn", "depth": 1, "max_parameters": 300, "hidden_size": None, "nonlinearity": None, **model}
    return {
        "config": {
            "model": {"class_path": "rnn_capacity.training.RecurrentModule", "init_args": network},
            "data": {"class_path": task, "init_args": {"steps": 5, "loss_exponent": 0.0, **(data or {})}},
            "trainer": {"max_steps": 100, "precision": None},
        },
        "sweep": {
            "method": method,
            "metric": {"name": f"final/{metric}", "goal": goal},
            "parameters": {LR: {"min": 0.0, "max": 1.0}} if parameters is None else parameters,
        },
        "fixed": list(fixed),
        "objective": {"metric": metric, "goal": goal, "baseline": {metric: 0.0}},
        "seed": 7,
    }


def store(
    url: str,
    name: str,
    content: dict[str, Any],
    results: list[dict[str, Any]],
    points: list[dict[str, Any]] | None = None,
    values: list[dict[str, Any]] | None = None,
) -> None:
    """Store a study with a finished trial for each result; a result that is not feasible has diverged.

    The first trials get values that differ from the points behind them, if there are any.
    """
    objective = content["objective"]
    study = Study.open(url, name, specification=content, goal=objective["goal"])
    chosen = points or [{LR: (index + 1) / 100} for index in range(len(results))]

    def propose(count: int, *_: Any) -> list[Proposal]:
        kinds = {float: FloatDistribution(0, 1), int: IntDistribution(0, 10000)}
        return [Proposal(point, {key: kinds[type(value)] for key, value in point.items()}) for point in chosen]

    claimed = study.claim(len(results), len(results), propose)
    for trial, result, stored in zip_longest(claimed, results, values or []):
        study.finish(trial, result[objective["metric"]], result.get("feasible", True), result, stored)


def capacity_result(bits: float, parameters: int = 290, **more: Any) -> dict[str, Any]:
    """The metrics of a trial of random mapping."""
    stored = bits * parameters
    sizes = {"parameters": parameters, "units": 9, "samples": int(1.2 * stored)}
    return {**sizes, "stored_bits": stored, "bits_per_parameter": bits, **more}
