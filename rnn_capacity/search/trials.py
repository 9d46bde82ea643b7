"""Builds the network and the task of a trial from a config and the trial's values, in a few milliseconds."""

from __future__ import annotations

from typing import Any

import yaml
from jsonargparse import Namespace

from rnn_capacity.checks import check_finite
from rnn_capacity.parsing import OneLineParser, constructor_error
from rnn_capacity.population import Member
from rnn_capacity.search.creation_errors import creation_errors
from rnn_capacity.search.trial_config import Config, ConfigTemplate
from rnn_capacity.training import RecurrentModule, Task

PRECISIONS = {"float32": ("32-true", "32", 32, "single", None), "float64": ("64-true", "64", 64, "double")}
"""The values of trainer.precision by the type of the weights."""

MAX_TASKS = 256
"""Tasks that are kept for later trials."""


class TrialBuilder:
    """Builds the network and the task of a trial, as `fit` would with the trial's values in the config.

    Args:
        config: What all trials have in common.

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
        """Return the parsed config of model and data, and the optimizer steps."""
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
