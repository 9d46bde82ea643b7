"""The search space: hyperparameters by dotted keys, those that are searched and those that stay as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnn_capacity.search.space.parameters import Constant, Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from rnn_capacity.studies.trial import Params


@dataclass(frozen=True)
class SearchSpace:
    """Hyperparameters by the dotted keys of a config; a point is what Optuna drew for those that are searched."""

    parameters: dict[str, Parameter]
    """Each hyperparameter, constants included."""

    @property
    def searched(self) -> dict[str, Parameter]:
        """Those that are not constant."""
        return {name: found for name, found in self.parameters.items() if not isinstance(found, Constant)}

    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws each searched hyperparameter from."""
        found = {name: parameter.distribution() for name, parameter in self.parameters.items()}
        return {name: distribution for name, distribution in found.items() if distribution is not None}

    def values(self, params: Params) -> dict[str, Any]:
        """The hyperparameters' values, as JSON has them, constants included, at a point of the space.

        Raises:
            ValueError: If the point lacks a hyperparameter.
        """
        missing = self.searched.keys() - params.keys()
        if missing:
            raise ValueError(f"params: {', '.join(sorted(missing))} missing; the space has {', '.join(self.searched)}")
        return {name: parameter.value(params.get(name)) for name, parameter in self.parameters.items()}

    def check_grid(self) -> None:
        """Fail if a hyperparameter has no points that a grid could go through, as W&B does.

        Raises:
            ValueError: If one is continuous, or its values have probabilities.
        """
        for name, parameter in self.parameters.items():
            if parameter.grid() is None:
                raise ValueError(
                    f"parameters.{name}: a continuous distribution, or probabilities, given; method grid takes value, "
                    "values, int_uniform and q_uniform"
                )

    @property
    def grid_size(self) -> int:
        """Points of the grid.

        Raises:
            ValueError: As `check_grid`.
        """
        return math.prod(len(axis) for axis in self.axes.values())

    def grid_point(self, index: int) -> Params:
        """A point of the grid, from 0; the last hyperparameter changes first."""
        point = {}
        for name, axis in reversed(self.axes.items()):
            index, place = divmod(index, len(axis))
            point[name] = axis[place]
        return {name: point[name] for name in self.axes}

    def grid_index(self, params: Params) -> int | None:
        """The number of a point of the grid; None if it is none."""
        index = 0
        for name, axis in self.axes.items():
            place = place_of(params[name], axis) if name in params else None
            if place is None:
                return None
            index = index * len(axis) + place
        return index

    @cached_property
    def axes(self) -> dict[str, Sequence[Any]]:
        """What a grid goes through, by the searched hyperparameters.

        Raises:
            ValueError: As `check_grid`.
        """
        self.check_grid()
        return {name: parameter.grid() or [] for name, parameter in self.searched.items()}


def place_of(value: Any, axis: Sequence[Any]) -> int | None:
    """Where a value stands among those of an axis; None if it does not."""
    if isinstance(axis, range):  # of which only an integer is found without a look at every other one
        if not isinstance(value, (int, float)) or value != round(value):
            return None
        value = round(value)
    return axis.index(value) if value in axis else None
