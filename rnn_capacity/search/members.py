"""From a config and a trial's values to a member of a population, in a few milliseconds."""

from __future__ import annotations

import copy
from argparse import ArgumentError
from typing import Any

import yaml
from jsonargparse import Namespace

from rnn_capacity.messages import one_line
from rnn_capacity.parsing import BASES, OneLineParser, reason_of
from rnn_capacity.population import Member
from rnn_capacity.training import RecurrentModule, TaskData

Config = dict[str, Any]
"""A config as `fit` takes it, of which model, data, trainer.max_steps and trainer.precision count."""

DOUBLE = {False: ("32-true", "32", 32, "single", None), True: ("64-true", "64", 64, "double")}
"""The values of trainer.precision by whether the networks are float64."""


KEPT = 256
"""Data objects that are kept for members to come."""


class MemberFactory:
    """Lays a trial's values over a config and makes the network and the data that `fit` would.

    The parser checks the first trial as a whole. Of those after it only numbers differ, as long as no class or other
    choice does; they are put in their places.

    Args:
        config: What is the same for all trials.

    Raises:
        ValueError: If the parser refuses the config, or `trainer.precision` is a mixed one.
    """

    def __init__(self, config: Config) -> None:
        trainer = config["trainer"]
        self.max_steps = trainer["max_steps"]
        self.precision = trainer.get("precision")
        if all(self.precision not in names for names in DOUBLE.values()):
            raise ValueError(f"trainer.precision: {self.precision!r} given, 32-true or 64-true allowed for a search")
        self.parser = OneLineParser(exit_on_error=False)
        self.parser.add_lightning_class_args(RecurrentModule, "model", subclass_mode=True)
        self.parser.add_lightning_class_args(TaskData, "data", subclass_mode=True)
        self.parser.link_sizes()
        self.base = self._parse({part: config[part] for part in ("model", "data")})
        self.parsed: dict[tuple[Any, ...], Namespace] = {}
        self.data: dict[str, TaskData] = {}

    def __call__(self, values: dict[str, Any]) -> Member:
        """The member of a trial.

        Args:
            values: Hyperparameters by their dotted names in the config.

        Raises:
            ValueError: If the config has no such name, or a value is refused.
        """
        config, max_steps = self._config(values)
        try:
            made = self.parser.instantiate_classes(config)
        except ValueError as error:
            raise ValueError(reason_of(error)) from error
        module: RecurrentModule = made["model"]
        data = self._shared(repr(config["data"]), made["data"])
        if self.precision in DOUBLE[True]:
            module.double()
        member = Member(module, data, max_steps)
        try:
            module.build_optimizer(max_steps)
        except TypeError as error:  # a schedule that lacks an argument
            raise ValueError(f"optimizer or schedule: {error}") from error
        module.load_initial_weights(member.task)
        return member

    def config(self, values: dict[str, Any]) -> Config:
        """The config that `fit` trains a trial's network with.

        Raises:
            ValueError: As for the member.
        """
        config, max_steps = self._config(values)
        whole: Config = yaml.safe_load(self.parser.dump(config, skip_none=False))
        return {**whole, "trainer": {"max_steps": max_steps, "precision": self.precision, "devices": 1}}

    def _config(self, values: dict[str, Any]) -> tuple[Namespace, int]:
        """The parsed config of model and data, and the optimizer steps."""
        steps = values.get("trainer.max_steps", self.max_steps)
        if type(steps) is not int:
            raise ValueError(f"trainer.max_steps: {steps!r} given, an integer needed (int_uniform, or q: 1)")
        rest = {name: value for name, value in values.items() if name != "trainer.max_steps"}
        for name in rest:
            if name.split(".")[0] not in BASES:
                raise ValueError(f"{name}: given, model.*, data.* and trainer.max_steps allowed")
        numbers = {name: value for name, value in rest.items() if type(value) in (int, float)}
        key = tuple((name, type(value) if name in numbers else repr(value)) for name, value in sorted(rest.items()))
        if key not in self.parsed:
            self.parsed[key] = self._parse(tree(rest), self.base)
        config = self.parsed[key].clone()
        for name, value in numbers.items():
            *above, last = name.split(".")
            place: Any = config
            for part in above:  # not one dotted key: below b_fg and the scales there may be a dict
                place = place[part]
            place[last] = type(place[last])(value)
        return config, steps

    def _parse(self, given: Config, base: Namespace | None = None) -> Namespace:
        """Check a config as a whole.

        Raises:
            ValueError: If the parser refuses it; one line.
        """
        try:
            parsed: Namespace = self.parser.parse_object(given, cfg_base=base)
        except ArgumentError as error:
            raise ValueError(one_line(str(error.message), self.parser, BASES)) from error
        return parsed

    def _shared(self, options: str, data: TaskData) -> TaskData:
        """The data; members with equal options share one object, and what it takes to draw it."""
        if len(self.data) == KEPT:
            self.data.clear()
        return self.data.setdefault(options, data)


def tree(values: dict[str, Any]) -> Config:
    """Values by dotted names as a config has them, nested; a class's name is joined by the arguments below it."""
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
