"""Reads a sweep file in W&B's format, which both `wandb sweep` and `rnn-capacity search` accept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from rnn_capacity.checks import check_finite
from rnn_capacity.full_names import full_name
from rnn_capacity.search.space.parameters import Choice, Interval, Parameter
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.search.space.sweep_parameters import read_parameter
from rnn_capacity.search.space.sweep_schema import schemas, validate
from rnn_capacity.shipped import find_file, is_existing_file
from rnn_capacity.studies import Goal
from rnn_capacity.yaml_files import load_mapping

Method = Literal["random", "grid", "bayes"]
METHODS: tuple[Method, ...] = get_args(Method)

GOALS = ("minimize", "maximize")

IGNORED = ("early_terminate", "controller", "scheduler", "job", "image_uri")
"""Keys of a W&B sweep file that `rnn-capacity search` ignores, such as early_terminate."""

IGNORED_METRIC = ("impute", "impute_while_running")
"""Keys under `metric` of a W&B sweep file that `rnn-capacity search` ignores."""


@dataclass(frozen=True)
class Metric:
    """The metric that a sweep optimizes.

    Example:
        >>> Metric("final/bits_per_parameter", "maximize", target=4.0).reached(4.2)
        True
    """

    name: str
    """The logged key, for example final/bits_per_parameter."""

    goal: Goal = "minimize"
    """Direction of the optimization: minimize or maximize."""

    target: float | None = None
    """Metric value at which the search starts no more trials once one has reached it; None for no such value."""

    def reached(self, value: float) -> bool:
        """Tell whether a value is as good as the target."""
        if self.target is None:
            return False
        return value >= self.target if self.goal == "maximize" else value <= self.target


@dataclass(frozen=True)
class Sweep:
    """The content of a sweep file.

    Example:
        >>> from rnn_capacity.search import parse_sweep
        >>> sweep = parse_sweep({"method": "random", "parameters": {"trainer.max_steps": {"min": 100, "max": 200}}})
        >>> sweep.method, list(sweep.space.searched)
        ('random', ['trainer.max_steps'])
    """

    method: Method
    """The method by which points are chosen: random, grid or bayes."""

    space: SearchSpace
    """The search space: the hyperparameters under `parameters` by dotted config keys."""

    metric: Metric | None = None
    """The metric that is optimized, or None for the task's primary metric."""

    run_cap: int | None = None
    """The largest number of trials."""

    ignored: tuple[str, ...] = ()
    """Keys present in the file that W&B uses but `rnn-capacity search` ignores, such as early_terminate."""

    file: dict[str, Any] = field(default_factory=dict)
    """The content of the sweep file as read from YAML."""


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep file in W&B's format.

    Args:
        path: The YAML file, or the name of a shipped sweep; its key `extends` may name another one, as for
            `load_sweep`.

    Raises:
        ValueError: If there is no such file, or W&B would reject its content; one line with the key, the constraint and
            the value.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "sweep.yaml"
        >>> text = path.write_text("{method: grid, parameters: {model.init_args.cell: {values: [rnn, gru]}}}")
        >>> read_sweep(path).space.grid_size
        2
    """
    return parse_sweep(load_sweep(path))


def load_sweep(path: str | Path) -> dict[str, Any]:
    """Load a sweep file, completed by the file that it extends.

    Args:
        path: The YAML file, or the name of a shipped sweep. Its key `extends` names a complete file, by its path from
            the folder of this one or as a shipped sweep; this one has the other's keys and parameters unless it has
            them itself, and a parameter that is null is left out.

    Raises:
        ValueError: If a file does not exist, cannot be read or is not a YAML mapping.
    """
    path = find_file("sweep", path)
    content = load_mapping("sweep", path)
    if "extends" not in content:
        return content
    name = str(content.pop("extends"))
    beside = path.parent / f"{name}.yaml"  # a copy of a shipped sweep is taken before the shipped one
    extended = beside if is_existing_file(beside) else find_file("sweep", name, path.parent, "extends")
    base = load_mapping("extends", extended)
    if "extends" in base:
        raise ValueError(f"extends must name a complete sweep file, got {str(extended)!r}")
    parts = [part.get("parameters") or {} for part in (base, content)]
    for part in parts:
        if not isinstance(part, dict):
            raise ValueError(f"parameters must be a mapping of hyperparameters, got {part!r}")
    parameters = {name: value for name, value in {**parts[0], **parts[1]}.items() if value is not None}
    return {**base, **content, "parameters": parameters}


def parse_sweep(content: dict[str, Any]) -> Sweep:
    """Validate the content of a sweep file and convert it to a `Sweep`.

    Args:
        content: The file's keys and values.

    Raises:
        ValueError: As `read_sweep`.

    Example:
        >>> parse_sweep({"method": "tpe", "parameters": {"x": {"value": 1}}})
        Traceback (most recent call last):
        ValueError: method must be one of 'random', 'grid', 'bayes'; got 'tpe'
    """
    validate(content, schemas()["sweep"])
    parameters = read_parameters("", content["parameters"])
    if content["method"] == "grid":
        parameters = {name: with_grid_values(parameter) for name, parameter in parameters.items()}
    space = SearchSpace(parameters)
    if content["method"] == "grid":
        space.check_grid()
    metric = content.get("metric", {})
    check_finite(metric=metric)
    return Sweep(
        method=content["method"],
        space=space,
        metric=Metric(**{key: metric[key] for key in metric if key not in IGNORED_METRIC}) if metric else None,
        run_cap=content.get("run_cap"),
        ignored=(
            *(key for key in IGNORED if key in content),
            *(f"metric.{key}" for key in IGNORED_METRIC if key in metric),
        ),
        file=content,
    )


def with_grid_values(parameter: Parameter) -> Parameter:
    """Replace a range whose numbers are rounded by the values of its grid, which W&B does not round."""
    values = parameter.grid() if isinstance(parameter, Interval) else None
    return Choice(tuple(values)) if values else parameter


def read_parameters(prefix: str, content: dict[str, Any]) -> dict[str, Parameter]:
    """Convert the `parameters` section of a sweep file to a dict by dotted keys, flattening nested sections.

    Args:
        prefix: Beginning of each name: empty, or the name above with its dot.
        content: What stands under `parameters`.

    Raises:
        ValueError: As `read_sweep`.
    """
    validate(content, schemas()["parameters"], f"parameters.{prefix}".rstrip("."))
    found: dict[str, Parameter] = {}
    for name, settings in content.items():
        key = f"{prefix}{name}"
        if "parameters" in settings:
            if len(settings) > 1:
                raise ValueError(f"parameters.{key} must have parameters alone, got {', '.join(settings)}")
            inner = read_parameters(f"{key}.", settings["parameters"])
        else:
            inner = {full_name(key): read_parameter(f"parameters.{key}", settings)}
        for twice in found.keys() & inner.keys():
            raise ValueError(f"parameters.{twice} must be given once, got it nested and with dots")
        found |= inner
    return found
