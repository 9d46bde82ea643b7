"""Converts one entry under `parameters` of a W&B sweep file to a hyperparameter of the search space.

A distribution must also be in sweep_schema.yaml. What W&B's settings mean is defined by
github.com/wandb/sweeps, src/sweeps/params.py.
"""

from __future__ import annotations

import json
import math
from typing import Any, cast

from rnn_capacity.checks import check_finite
from rnn_capacity.messages import closest
from rnn_capacity.search.space.parameters import (
    Choice,
    Constant,
    Integer,
    Interval,
    Law,
    Parameter,
    Quantile,
)
from rnn_capacity.search.space.sweep_schema import schemas, validate


def read_parameter(key: str, settings: dict[str, Any]) -> Parameter:
    """Validate one entry under `parameters` of a sweep file and convert it to a hyperparameter.

    Args:
        key: Where the entry stands in the file, by dotted keys.
        settings: The entry's keys and values, such as min and max.

    Raises:
        ValueError: If W&B would reject them; one line with the key, the constraint and the value.
    """
    distributions = schemas()["distributions"]
    name = settings["distribution"] if "distribution" in settings else default_distribution(key, settings)
    if not isinstance(name, str) or name not in distributions:
        raise ValueError(f"{key}.distribution must be known, got {name!r}; {closest(str(name), list(distributions))}")
    schema = distributions[name]
    given = {setting: value for setting, value in settings.items() if setting != "distribution"}
    validate(given, {**schema, "additionalProperties": False}, key)
    defaults = {setting: one["default"] for setting, one in schema["properties"].items() if "default" in one}
    return make_parameter(key, name, {**defaults, **given})


def default_distribution(key: str, settings: dict[str, Any]) -> str:
    """Return the distribution that W&B infers for a hyperparameter without `distribution`."""
    if "value" in settings:
        return "constant"
    if "values" in settings:
        return "categorical_w_probabilities" if "probabilities" in settings else "categorical"
    if "min" in settings and "max" in settings:
        integers = all(type(settings[name]) is int for name in ("min", "max"))
        return "int_uniform" if integers else "uniform"
    given = ", ".join(map(str, settings)) or "nothing"
    raise ValueError(f"{key} must have value, values, min and max, a distribution, or parameters; got {given}")


def make_parameter(key: str, distribution: str, settings: dict[str, Any]) -> Parameter:
    """Make a hyperparameter from the name of a W&B distribution and its validated settings, such as min and max."""
    if distribution == "constant":
        check_json(f"{key}.value", settings["value"])
        return Constant(settings["value"])
    if distribution.startswith("categorical"):
        return make_choice(key, settings["values"], settings.get("probabilities"))
    check_finite(**{f"{key}.{name}": value for name, value in settings.items()})
    law, q = distribution.removeprefix("q_"), settings.get("q")
    if law in ("normal", "log_normal"):
        return Quantile(cast(Law, law), settings["mu"], settings["sigma"], q)
    if law == "beta":
        return Quantile("beta", settings["a"], settings["b"], q)
    low, high = settings["min"], settings["max"]
    if not low < high:
        raise ValueError(f"{key}.min must be below max = {high}, got {low}")
    if law == "int_uniform":
        return Integer(low, high)
    if law == "uniform":
        return Interval(low, high, q=q)
    if law.endswith("_values"):
        return Interval(low, high, log=True, q=q)
    if law == "inv_log_uniform":  # log(1/x) = -log(x): the inverse of a log-uniform number is log-uniform itself
        low, high = -high, -low
    return Interval(math.exp(low), math.exp(high), log=True, q=q)


def make_choice(key: str, values: list[Any], probabilities: list[float] | None) -> Choice:
    """Make a categorical hyperparameter, with equally likely values or given probabilities.

    Raises:
        ValueError: If JSON has no such values, or the probabilities do not belong to them.
    """
    for value in values:
        check_json(f"{key}.values", value)
    if probabilities is None:
        return Choice(tuple(values))
    if len(probabilities) != len(values):
        raise ValueError(f"{key}.probabilities must be a list of {len(values)} numbers, got {probabilities}")
    if not math.isclose(sum(probabilities), 1, rel_tol=1e-5):
        raise ValueError(f"{key}.probabilities must sum to 1, got {probabilities} with the sum {sum(probabilities):g}")
    return Choice(tuple(values), tuple(map(float, probabilities)))


def check_json(key: str, value: Any) -> None:
    """Raise ValueError if a value cannot be written as JSON, such as a date.

    Raises:
        ValueError: If it cannot.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key} must be a value that JSON has, got {value!r}") from error
