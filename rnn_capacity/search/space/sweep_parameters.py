"""One entry under `parameters` of a sweep file, as W&B has it, read into a hyperparameter.

W&B's own rules are its JSON schema (github.com/wandb/sweeps, src/sweeps/config/schema.json) and, for what the settings
mean, src/sweeps/params.py there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from rnn_capacity.messages import closest
from rnn_capacity.search.space.parameters import Choice, Constant, Interval, Law, Parameter, Quantile, Whole

RANGE = {"min": None, "max": None}
STEP = {"q": 1}
NORMAL = {"mu": 0, "sigma": 1}
BETA = {"a": 1, "b": 1}

SETTINGS: dict[str, dict[str, Any]] = {
    "constant": {"value": None},
    "categorical": {"values": None},
    "categorical_w_probabilities": {"values": None, "probabilities": None},
    "int_uniform": RANGE,
    "uniform": RANGE,
    "q_uniform": RANGE | STEP,
    "log_uniform": RANGE,
    "q_log_uniform": RANGE | STEP,
    "inv_log_uniform": RANGE,
    "log_uniform_values": RANGE,
    "q_log_uniform_values": RANGE | STEP,
    "inv_log_uniform_values": RANGE,
    "normal": NORMAL,
    "q_normal": NORMAL | STEP,
    "log_normal": NORMAL,
    "q_log_normal": NORMAL | STEP,
    "beta": BETA,
    "q_beta": BETA | STEP,
}
"""W&B's distributions, and of each the settings with their defaults; what has no default is needed."""

ALL_SETTINGS = ["distribution", *dict.fromkeys(name for settings in SETTINGS.values() for name in settings)]


def read_parameter(key: str, given: dict[str, Any]) -> Parameter:
    """Read one hyperparameter.

    Args:
        key: Where it stands in the file, for messages.
        given: Its settings.

    Raises:
        ValueError: If W&B would reject it; one line with the key, what was given and what is allowed.
    """
    for name in given:
        if name not in ALL_SETTINGS:
            raise ValueError(f"{key}.{name}: not known; {closest(str(name), [*ALL_SETTINGS, 'parameters'])}")
    distribution = given["distribution"] if "distribution" in given else default_distribution(key, given)
    if not isinstance(distribution, str) or distribution not in SETTINGS:
        raise ValueError(f"{key}.distribution: {distribution!r} given; {closest(str(distribution), list(SETTINGS))}")
    allowed = SETTINGS[distribution]
    for name in given:
        if name not in ("distribution", *allowed):
            raise ValueError(f"{key}.{name}: given; {distribution} takes {', '.join(allowed)}")
    for name, default in allowed.items():
        if default is None and name not in given:
            raise ValueError(f"{key}.{name}: missing; {distribution} needs {', '.join(allowed)}")
    read = CHOICES.get(distribution, read_numbers)
    return read(key, distribution, {**allowed, **given})


def default_distribution(key: str, given: dict[str, Any]) -> str:
    """The distribution that W&B takes where none is named."""
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical_w_probabilities" if "probabilities" in given else "categorical"
    if "min" in given and "max" in given:
        whole = all(type(given[name]) is int for name in ("min", "max"))
        return "int_uniform" if whole else "uniform"
    settings = ", ".join(given) or "nothing"
    raise ValueError(f"{key}: {settings} given; value, values, min and max, a distribution, or parameters needed")


def read_constant(key: str, distribution: str, settings: dict[str, Any]) -> Constant:
    """A constant."""
    check_json(f"{key}.value", settings["value"])
    return Constant(settings["value"])


def read_choice(key: str, distribution: str, settings: dict[str, Any]) -> Choice:
    """A choice, with or without probabilities."""
    values = settings["values"]
    if not isinstance(values, list) or not values:
        raise ValueError(f"{key}.values: {values!r} given, a list of at least one value needed")
    texts = [check_json(f"{key}.values", value) for value in values]
    for value, text in zip(values, texts, strict=True):
        if texts.count(text) > 1:
            raise ValueError(f"{key}.values: {value!r} given twice; each value once (probabilities make one likelier)")
    if distribution == "categorical":
        return Choice(tuple(values))
    probabilities = settings["probabilities"]
    if not isinstance(probabilities, list) or len(probabilities) != len(values):
        raise ValueError(f"{key}.probabilities: {probabilities!r} given, a list of {len(values)} numbers needed")
    numbers = [number(f"{key}.probabilities", probability) for probability in probabilities]
    if min(numbers) < 0 or not math.isclose(sum(numbers), 1, rel_tol=1e-5):
        raise ValueError(
            f"{key}.probabilities: {probabilities} given, which sum to {sum(numbers):g}; "
            "numbers of at least 0 that sum to 1 needed"
        )
    return Choice(tuple(values), tuple(numbers))


def read_whole(key: str, distribution: str, settings: dict[str, Any]) -> Whole:
    """An integer."""
    for name in RANGE:
        if type(settings[name]) is not int:
            raise ValueError(f"{key}.{name}: {settings[name]!r} given, an integer needed for int_uniform")
    check_order(key, settings)
    return Whole(settings["min"], settings["max"])


def read_numbers(key: str, distribution: str, settings: dict[str, Any]) -> Parameter:
    """A number; what W&B calls the inverse of a log-uniform one is log-uniform itself, as log(1/x) = -log(x)."""
    numbers = {name: number(f"{key}.{name}", settings[name]) for name in SETTINGS[distribution]}
    q = settings["q"] if "q" in numbers else None
    for name in ("q", "sigma", "a", "b"):
        if name in numbers and not numbers[name] > 0:
            raise ValueError(f"{key}.{name}: {settings[name]} given, a positive number needed")
    law = distribution.removeprefix("q_")
    if law in ("normal", "log_normal"):
        return Quantile(cast(Law, law), numbers["mu"], numbers["sigma"], q)
    if law == "beta":
        return Quantile("beta", numbers["a"], numbers["b"], q)
    check_order(key, settings)
    low, high = numbers["min"], numbers["max"]
    if law == "uniform":
        return Interval(settings["min"], settings["max"], q=q)
    if law.endswith("_values"):
        if low <= 0:
            raise ValueError(f"{key}.min: {settings['min']} given, a positive number needed for {distribution}")
        return Interval(low, high, log=True, q=q)
    if law == "inv_log_uniform":
        low, high = -high, -low
    if low < -700 or high > 700:
        raise ValueError(
            f"{key}: min {settings['min']}, max {settings['max']} given, which for {distribution} are exponents of e "
            "within ±700; log_uniform_values takes the values themselves"
        )
    return Interval(math.exp(low), math.exp(high), log=True, q=q)


CHOICES: dict[str, Callable[[str, str, dict[str, Any]], Parameter]] = {
    "constant": read_constant,
    "categorical": read_choice,
    "categorical_w_probabilities": read_choice,
    "int_uniform": read_whole,
}


def number(key: str, given: Any) -> float:
    """A finite number.

    Raises:
        ValueError: If it is none; the message names YAML's trap, that 1e-5 without a point is text.
    """
    with suppress(OverflowError):  # an integer of hundreds of digits
        if isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given):
            return float(given)
    hint = ""
    if isinstance(given, str) and "e" in given.lower():
        try:
            digits, _, exponent = given.lower().partition("e")
            point = digits if "." in digits else f"{digits}.0"
            hint = f" (YAML reads {given} as text: write {point}e{int(exponent):+d})" if float(given) else ""
        except ValueError:
            pass
    raise ValueError(f"{key}: {given!r} given, a number needed{hint}")


def check_order(key: str, settings: dict[str, Any]) -> None:
    """Fail unless min is below max."""
    if not settings["min"] < settings["max"]:
        raise ValueError(f"{key}.min: {settings['min']} given, a number below max = {settings['max']} needed")


def check_json(key: str, value: Any) -> str:
    """The value as JSON.

    Raises:
        ValueError: If JSON has no such value, for example a date.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key}: {value!r} given, a value that JSON has needed") from error
