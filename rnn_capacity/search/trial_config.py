"""A trial's values laid over a config, as the parser would, in a fraction of its time."""

from __future__ import annotations

import copy
from argparse import ArgumentError
from typing import Any

from jsonargparse import Namespace

from rnn_capacity.parsing import BASES, OneLineParser

Config = dict[str, Any]
"""A config as `fit` takes it, of which model, data, trainer.max_steps and trainer.precision count."""

Kind = tuple[tuple[str, Any], ...]


class ConfigTemplate:
    """Lays values over the model and the data of a config.

    The parser takes tens of milliseconds. It checks the first of the trials that differ by plain values alone; numbers,
    and texts that it has seen, are then put in their places.

    Args:
        config: What the values are laid over.

    Raises:
        ValueError: If the parser refuses the config.
    """

    def __init__(self, config: Config) -> None:
        self.parser = OneLineParser(exit_on_error=False)
        self.parser.add_model_and_task()
        self.base = self._parse({part: config[part] for part in BASES})
        self.parsed: dict[Kind, Namespace] = {}
        self.plain: set[tuple[str, str | bool]] = set()

    def __call__(self, values: dict[str, Any]) -> Namespace:
        """The parsed config under these values.

        Args:
            values: Arguments by their dotted names in the config.

        Raises:
            ValueError: If the config has no such name, or the parser refuses a value; one line.
        """
        for name in values:
            if name.split(".")[0] not in BASES:
                raise ValueError(f"{name}: given, model.*, data.* and trainer.max_steps allowed")
        if self._kind(values) not in self.parsed:
            parsed = self._parse(tree(values), self.base)
            texts = {name: value for name, value in values.items() if type(value) in (str, bool)}
            self.plain |= {item for item in texts.items() if is_plain(parsed, *item)}
            self.parsed[self._kind(values)] = parsed
        config = self.parsed[self._kind(values)].clone()
        for name, value in values.items():
            if self._placed(name, value):
                above, _, last = name.rpartition(".")
                place = inner(config, above)
                place[last] = type(place[last])(value)
        return config

    def _kind(self, values: dict[str, Any]) -> Kind:
        """What trials have in common that differ by plain values alone: their names and types, and the other values."""
        return tuple(
            (name, type(value) if self._placed(name, value) else repr(value)) for name, value in sorted(values.items())
        )

    def _placed(self, name: str, value: Any) -> bool:
        """Whether a value needs no parser: a number, or a text or truth value that it once took as it was."""
        return type(value) in (int, float) or (type(value) in (str, bool) and (name, value) in self.plain)

    def _parse(self, given: Config, base: Namespace | None = None) -> Namespace:
        """Check a config as a whole.

        Raises:
            ValueError: If the parser refuses it; one line.
        """
        try:
            parsed: Namespace = self.parser.parse_object(given, namespace=base)
        except ArgumentError as error:
            raise ValueError(str(error)) from error
        return parsed


def is_plain(config: Namespace, name: str, value: str | bool) -> bool:
    """Whether a value stands in a parsed config as it is, and nothing beside it depends on it, as on a class's name."""
    return not name.endswith("class_path") and bool(inner(config, name) == value)


def inner(config: Any, name: str) -> Any:
    """What a config has under a dotted name; below b_fg and the scales it may be a dict. None if there is no such."""
    for part in name.split("."):
        if config is None or part not in config:
            return None
        config = config[part]
    return config


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
