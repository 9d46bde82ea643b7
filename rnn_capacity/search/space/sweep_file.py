"""A sweep file in W&B's format: the same file goes to `wandb sweep` and to the search here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml

from rnn_capacity.messages import closest
from rnn_capacity.search.space.parameters import Parameter
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.search.space.sweep_parameters import number, read_parameter

if TYPE_CHECKING:
    from rnn_capacity.studies.trial import Goal

Method = Literal["random", "grid", "bayes"]
METHODS = ("random", "grid", "bayes")

GOALS = ("minimize", "maximize")

TEXTS = ("program", "name", "description", "project", "entity", "job", "image_uri", "apiVersion", "kind")
KEYS = (*TEXTS, "method", "metric", "parameters", "command", "run_cap", "early_terminate", "controller", "scheduler")
IMPUTED = {"impute": ("worst", "best", "latest"), "impute_while_running": ("worst", "best", "latest", "false")}
"""What W&B puts in the place of a value that a run does not have; the last one is a text, in quotation marks."""

METRIC_KEYS = ("name", "goal", "target", *IMPUTED)
CONTROLLERS = ("local", "cloud")
HYPERBAND_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")
IGNORED = ("early_terminate", "controller", "scheduler", "job", "image_uri")
"""What W&B would act upon and the search here does not: members of a population train to their end."""


@dataclass(frozen=True)
class Metric:
    """What a sweep optimizes."""

    name: str
    """The logged key, for example final/bits_per_parameter."""

    goal: Goal = "minimize"
    """Whether less or more is better."""

    target: float | None = None
    """A value that is good enough: once a trial has it, no more are begun."""

    def reached(self, value: float) -> bool:
        """Whether a value is as good as the target."""
        if self.target is None:
            return False
        return value >= self.target if self.goal == "maximize" else value <= self.target


@dataclass(frozen=True)
class Sweep:
    """A sweep file, checked."""

    method: Method
    """How the points are chosen."""

    space: SearchSpace
    """The hyperparameters, by dotted keys."""

    metric: Metric | None = None
    """What is optimized; None only if the method does not need it."""

    run_cap: int | None = None
    """Trials at most."""

    ignored: tuple[str, ...] = ()
    """What the file asks for and the search here does not do."""

    file: dict[str, Any] = field(default_factory=dict)
    """The whole file."""


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep file in W&B's format.

    Args:
        path: The YAML file.

    Raises:
        ValueError: If there is no such file, or W&B would reject what it holds; one line that names the key, what was
            given and what is allowed.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"sweep: {str(path)!r} given, no such file") from error
    except IsADirectoryError as error:
        raise ValueError(f"sweep: {str(path)!r} given, which is a folder") from error
    except OSError as error:
        raise ValueError(f"sweep: {str(path)!r} given, which cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"sweep: {str(path)!r} given, which is not YAML: {reason}") from error
    if not isinstance(content, dict):
        raise ValueError(f"sweep: {str(path)!r} given, which holds no mapping")
    return parse_sweep(content)


def parse_sweep(content: dict[str, Any]) -> Sweep:
    """A sweep from what its file holds.

    Raises:
        ValueError: As `read_sweep`.
    """
    for key in content:
        if key not in KEYS:
            raise ValueError(f"{key}: not known; {closest(str(key), list(KEYS))}")
    for key in TEXTS:
        if key in content and not isinstance(content[key], str):
            raise ValueError(f"{key}: {content[key]!r} given, a text needed")
    method = content.get("method")
    if method not in METHODS:
        given = f"{method!r} given" if "method" in content else "missing"
        raise ValueError(f"method: {given}, one of {', '.join(METHODS)} needed")
    metric = read_metric(content["metric"]) if "metric" in content else None
    if method == "bayes" and metric is None:
        raise ValueError("metric: missing, a mapping with name and goal needed for method bayes")
    parameters = content.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        given = f"{parameters!r} given" if "parameters" in content else "missing"
        raise ValueError(f"parameters: {given}, a mapping of at least one name to its values needed")
    space = SearchSpace(flat_parameters("", parameters))
    if method == "grid":
        space.check_grid()
    cap = content.get("run_cap")
    if cap is not None and (type(cap) is not int or cap < 1):
        raise ValueError(f"run_cap: {cap!r} given, an integer of at least 1 needed")
    check_unsearched(content)
    return Sweep(
        method=cast(Method, method),
        space=space,
        metric=metric,
        run_cap=cap,
        ignored=(
            *(key for key in IGNORED if key in content),
            *(f"metric.{key}" for key in IMPUTED if key in content.get("metric", {})),
        ),
        file=content,
    )


def flat_parameters(prefix: str, given: dict[str, Any]) -> dict[str, Parameter]:
    """The hyperparameters by dotted keys, those under a nested `parameters` after its name.

    Args:
        prefix: What goes before each name: empty, or the name above with its dot.
        given: What stands under `parameters`.

    Raises:
        ValueError: As `read_sweep`.
    """
    found: dict[str, Parameter] = {}
    for name, settings in given.items():
        key = f"parameters.{prefix}{name}"
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
            raise ValueError(f"{key}: a name of letters, digits and _ . - needed, which begins with a letter or _")
        if not isinstance(settings, dict):
            raise ValueError(f"{key}: {settings!r} given, a mapping such as value: {settings!r} needed")
        if "parameters" in settings:
            if len(settings) > 1 or not isinstance(settings["parameters"], dict) or not settings["parameters"]:
                raise ValueError(f"{key}: {', '.join(settings)} given, parameters with at least one name alone needed")
            inner = flat_parameters(f"{prefix}{name}.", settings["parameters"])
        else:
            inner = {f"{prefix}{name}": read_parameter(key, settings)}
        for twice in found.keys() & inner.keys():
            raise ValueError(f"parameters.{twice}: given twice, once nested and once with dots")
        found |= inner
    return found


def read_metric(given: Any) -> Metric:
    """The metric.

    Raises:
        ValueError: As `read_sweep`.
    """
    if not isinstance(given, dict):
        raise ValueError(f"metric: {given!r} given, a mapping with name and goal needed")
    for key in given:
        if key not in METRIC_KEYS:
            raise ValueError(f"metric.{key}: not known; {closest(str(key), list(METRIC_KEYS))}")
    name, goal = given.get("name"), given.get("goal", "minimize")
    if not isinstance(name, str):
        raise ValueError(f"metric.name: {name!r} given, the key of a logged figure needed")
    if goal not in GOALS:
        raise ValueError(f"metric.goal: {goal!r} given, {' or '.join(GOALS)} allowed")
    target = number("metric.target", given["target"]) if "target" in given else None
    for key, allowed in IMPUTED.items():
        if key in given and given[key] not in allowed:
            raise ValueError(f"metric.{key}: {given[key]!r} given, {', '.join(map(repr, allowed))} allowed")
    return Metric(name, cast("Goal", goal), target)


def check_unsearched(content: dict[str, Any]) -> None:
    """Fail if W&B would reject what the search here has no use for.

    Raises:
        ValueError: As `read_sweep`.
    """
    if content.get("kind", "sweep") != "sweep":
        raise ValueError(f"kind: {content['kind']!r} given, sweep allowed")
    if not isinstance(content.get("command", []), list):
        raise ValueError(f"command: {content['command']!r} given, a list needed")
    if "controller" in content:
        controller = content["controller"]
        if not isinstance(controller, dict) or controller.get("type") not in CONTROLLERS:
            raise ValueError(
                f"controller: {controller!r} given, a mapping with type: {' or '.join(CONTROLLERS)} needed"
            )
    if not isinstance(content.get("scheduler", {}), dict):
        raise ValueError(f"scheduler: {content['scheduler']!r} given, a mapping needed")
    if "early_terminate" in content:
        check_hyperband(content["early_terminate"])


def check_hyperband(given: Any) -> None:
    """Fail if W&B would reject the rule of early termination.

    Raises:
        ValueError: As `read_sweep`.
    """
    if not isinstance(given, dict) or given.get("type") != "hyperband":
        raise ValueError(f"early_terminate: {given!r} given, a mapping with type: hyperband needed")
    for key in given:
        if key not in HYPERBAND_KEYS:
            raise ValueError(f"early_terminate.{key}: not known; {closest(str(key), list(HYPERBAND_KEYS))}")
    if "min_iter" not in given and not {"max_iter", "s"} <= given.keys():
        raise ValueError("early_terminate: hyperband needs min_iter, or max_iter and s")
    for key in ("min_iter", "max_iter", "s", "eta"):
        if key in given:
            value = number(f"early_terminate.{key}", given[key])
            if key.endswith("_iter") and not value.is_integer():
                raise ValueError(f"early_terminate.{key}: {given[key]!r} given, an integer needed")
    if given.get("min_iter", 1) < 1:
        raise ValueError(f"early_terminate.min_iter: {given['min_iter']} given, an integer of at least 1 needed")
    if not given.get("eta", 3) > 1:
        raise ValueError(f"early_terminate.eta: {given['eta']} given, a number above 1 needed")
    if not isinstance(given.get("strict", True), bool):
        raise ValueError(f"early_terminate.strict: {given['strict']!r} given, true or false needed")
