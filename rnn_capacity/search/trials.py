"""From a config and a trial's values to a member of a population, in a few milliseconds."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import yaml
from jsonargparse import Namespace

from rnn_capacity.parsing import OneLineParser, constructor_error
from rnn_capacity.population import Member
from rnn_capacity.search.trial_config import Config, ConfigTemplate
from rnn_capacity.training import RecurrentModule, Task

DOUBLE = {False: ("32-true", "32", 32, "single", None), True: ("64-true", "64", 64, "double")}
"""The values of trainer.precision by whether the networks are float64."""

KEPT = 256
"""Data objects that are kept for members to come."""

FACTORIES = 64
"""Factories that are kept for searches to come."""


class TrialBuilder:
    """Lays a trial's values over a config and makes the network and the data that `fit` would.

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
        self.overlay = ConfigTemplate(config)
        self.makers = {part: OneLineParser(exit_on_error=False) for part in ("model", "data")}
        self.makers["model"].add_lightning_class_args(RecurrentModule, "model", subclass_mode=True)
        self.makers["data"].add_subclass_arguments(Task, "data")
        self.data: dict[str, Task] = {}

    def __call__(self, values: dict[str, Any]) -> Member:
        """The member of a trial.

        Args:
            values: Hyperparameters by their dotted names in the config.

        Raises:
            ValueError: If the config has no such name, or a value is refused.
        """
        config, max_steps = self._config(values)
        data = self._shared_data(config["data"])
        for size in ("input_size", "output_size"):
            config["model"]["init_args"][size] = getattr(data, size)
        module: RecurrentModule = self._make("model", config["model"])
        if self.precision in DOUBLE[True]:
            module.double()
        return Member(module, data, max_steps)

    def config(self, values: dict[str, Any]) -> Config:
        """The config that `fit` trains a trial's network with.

        Raises:
            ValueError: As for the member.
        """
        config, max_steps = self._config(values)
        whole: Config = yaml.safe_load(self.overlay.parser.dump(config, skip_unset=False))
        return {**whole, "trainer": {"max_steps": max_steps, "precision": self.precision}}

    def _config(self, values: dict[str, Any]) -> tuple[Namespace, int]:
        """The parsed config of model and data, and the optimizer steps."""
        steps = values.get("trainer.max_steps", self.max_steps)
        if type(steps) is not int:
            raise ValueError(f"trainer.max_steps: {steps!r} given, an integer needed (int_uniform, or q: 1)")
        return self.overlay({name: value for name, value in values.items() if name != "trainer.max_steps"}), steps

    def _shared_data(self, config: Namespace) -> Task:
        """The data; members with equal options share one object, and what it takes to draw it."""
        options = repr(config)
        if options not in self.data:
            if len(self.data) == KEPT:
                self.data.clear()
            self.data[options] = self._make("data", config)
        return self.data[options]

    def _make(self, part: str, config: Namespace) -> Any:
        """An instance of a parsed config's class."""
        try:
            given = Namespace(**{part: config})  # type: ignore[no-untyped-call]  # jsonargparse has it so
            return self.makers[part].instantiate(given)[part]
        except ValueError as error:
            raise ValueError(constructor_error(error)) from error


def builder_of(config: Config) -> TrialBuilder:
    """The factory of a config, the same for equal ones: what it has parsed is not parsed again.

    Args:
        config: What is the same for all trials, as JSON can hold it.

    Raises:
        ValueError: As `TrialBuilder`.
    """
    return _factory_of(json.dumps(config, sort_keys=True))


@lru_cache(maxsize=FACTORIES)
def _factory_of(text: str) -> TrialBuilder:
    return TrialBuilder(json.loads(text))
