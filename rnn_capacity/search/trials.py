"""Builds the network and the task of a trial from a config and the trial's values, in a few milliseconds."""

from __future__ import annotations

import copy
from argparse import ArgumentError
from typing import Any

import yaml
from jsonargparse import Namespace

from rnn_capacity.checks import check_finite
from rnn_capacity.parsing import BASES, OneLineParser, constructor_error
from rnn_capacity.population import Member
from rnn_capacity.search.creation_errors import creation_errors
from rnn_capacity.training import RecurrentModule, Task

Config = dict[str, Any]
"""A config as `fit` takes it, reduced to model, data, trainer.max_steps and trainer.precision."""

Signature = tuple[tuple[str, Any], ...]

PRECISIONS = {"float32": ("32-true", "32", 32, "single", None), "float64": ("64-true", "64", 64, "double")}
"""The values of trainer.precision by the type of the weights."""

MAX_TASKS = 256
"""Maximum number of task instances that are cached for later trials."""


class TrialBuilder:
    """Builds the network and the task of a trial, as `fit` would with the trial's values in the config.

    Args:
        config: The config shared by all trials.

    Raises:
        ValueError: If the parser rejects the config, or `trainer.precision` is a mixed one.
    """

    def __init__(self, config: Config) -> None:
        trainer = config["trainer"]
        self.max_steps = trainer["max_steps"]
        self.precision = trainer.get("precision")
        if all(self.precision not in names for names in PRECISIONS.values()):
            raise ValueError(f"trainer.precision must be 32-true or 64-true for a search, got {self.precision!r}")
        self.template = ConfigTemplate(config)
        self.parsers = {part: OneLineParser(exit_on_error=False) for part in ("model", "data")}
        self.parsers["model"].add_lightning_class_args(RecurrentModule, "model", subclass_mode=True)
        self.parsers["data"].add_subclass_arguments(Task, "data")
        self.tasks: dict[str, Task] = {}

    @creation_errors()
    def __call__(self, values: dict[str, Any]) -> Member:
        """Build the network and the task of a trial; trials with equal task options share one task.

        Args:
            values: Hyperparameters by their dotted names in the config.

        Raises:
            ValueError: If the config has no such name, or a value is rejected.
        """
        config, max_steps = self._fill(values)
        task = self._task(config["data"])
        for size in ("input_size", "output_size"):
            config["model"]["init_args"][size] = getattr(task, size)
        module: RecurrentModule = self._instantiate("model", config["model"])
        if self.precision in PRECISIONS["float64"]:
            module.double()
        return Member(module, task, max_steps)

    def fit_config(self, values: dict[str, Any]) -> Config:
        """Return the config with which `fit` trains a trial's network.

        Args:
            values: Hyperparameters by their dotted names in the config.

        Raises:
            ValueError: As for the network.
        """
        config, max_steps = self._fill(values)
        whole: Config = yaml.safe_load(self.template.parser.dump(config, skip_unset=False))
        return {**whole, "trainer": {"max_steps": max_steps, "precision": self.precision}}

    def _fill(self, values: dict[str, Any]) -> tuple[Namespace, int]:
        """Return the parsed model and data config with a trial's values, and its number of optimizer steps."""
        check_finite(**values)
        steps = values.get("trainer.max_steps", self.max_steps)
        if type(steps) is not int:
            raise ValueError(f"trainer.max_steps must be an integer (int_uniform, or q: 1), got {steps!r}")
        return self.template.fill({name: value for name, value in values.items() if name != "trainer.max_steps"}), steps

    def _task(self, config: Namespace) -> Task:
        options = repr(config)
        if options not in self.tasks:
            if len(self.tasks) == MAX_TASKS:
                self.tasks.clear()
            self.tasks[options] = self._instantiate("data", config)
        return self.tasks[options]

    def _instantiate(self, part: str, config: Namespace) -> Any:
        try:
            given = Namespace(**{part: config})  # type: ignore[no-untyped-call]  # jsonargparse has it so
            return self.parsers[part].instantiate(given)[part]
        except ValueError as error:
            raise ValueError(constructor_error(error)) from error


class ConfigTemplate:
    """Fills a trial's values into the model and data config as jsonargparse would, but faster by reusing its results.

    The parser takes tens of milliseconds. It checks the first of the trials whose values have the same names and types;
    numbers, and texts that it has accepted before, are then written into a copy of the result.

    Args:
        config: The config that the values are filled into.

    Raises:
        ValueError: If the parser rejects the config.
    """

    def __init__(self, config: Config) -> None:
        self.parser = OneLineParser(exit_on_error=False)
        self.parser.add_model_and_task()
        self.base = self._parse({part: config[part] for part in BASES})
        self.parsed: dict[Signature, Namespace] = {}
        self.accepted: set[tuple[str, str | bool]] = set()

    def fill(self, values: dict[str, Any]) -> Namespace:
        """Return the parsed model and data config with the given values in place of its own.

        Args:
            values: Arguments by their dotted names in the config.

        Raises:
            ValueError: If the config has no such name, or the parser rejects a value.
        """
        for name in values:
            if name.split(".")[0] not in BASES:
                raise ValueError(f"parameters must be of model.*, data.* and trainer.max_steps, got {name}")
        if self._signature(values) not in self.parsed:
            parsed = self._parse(nest(values), self.base)
            texts = {name: value for name, value in values.items() if type(value) in (str, bool)}
            self.accepted |= {item for item in texts.items() if is_kept(parsed, *item)}
            self.parsed[self._signature(values)] = parsed
        config = self.parsed[self._signature(values)].clone()
        for name, value in values.items():
            if self._needs_no_parser(name, value):
                above, _, last = name.rpartition(".")
                place = lookup(config, above)
                place[last] = type(place[last])(value)
        return config

    def _signature(self, values: dict[str, Any]) -> Signature:
        """Return the cache key of a parsed config: the names, with types of numbers and other values as text."""
        return tuple(
            (name, type(value) if self._needs_no_parser(name, value) else repr(value))
            for name, value in sorted(values.items())
        )

    def _needs_no_parser(self, name: str, value: Any) -> bool:
        """Return whether a value can skip the parser: a number, or a str or bool that it returned unchanged before."""
        return type(value) in (int, float) or (type(value) in (str, bool) and (name, value) in self.accepted)

    def _parse(self, given: Config, base: Namespace | None = None) -> Namespace:
        try:
            parsed: Namespace = self.parser.parse_object(given, namespace=base)
        except ArgumentError as error:
            raise ValueError(str(error)) from error
        return parsed


def is_kept(config: Namespace, name: str, value: str | bool) -> bool:
    """Return whether the parser left a value unchanged and it is no class path, which sets further arguments."""
    return not name.endswith("class_path") and bool(lookup(config, name) == value)


def lookup(config: Any, name: str) -> Any:
    """Return the value of a config under a dotted name; None if the config has none."""
    for part in name.split("."):
        if config is None or part not in config:
            return None
        config = config[part]
    return config


def nest(values: dict[str, Any]) -> Config:
    """Convert a dict by dotted names to a nested config; a class name with arguments becomes its `class_path`."""
    found: Config = {}
    for name, value in sorted(values.items(), key=lambda item: item[0].count(".")):
        place = found
        *above, last = name.split(".")
        for part in above:
            inner = place.get(part)
            if not isinstance(inner, dict):
                place[part] = inner = {} if inner is None else {"class_path": inner}
            place = inner
        place[last] = copy.deepcopy(value)
    return found
