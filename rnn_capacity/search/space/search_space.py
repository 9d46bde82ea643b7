"""The search space: the hyperparameters of a sweep by the dotted keys of a config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution

from rnn_capacity.search.space.parameters import Constant, Parameter
from rnn_capacity.studies import Params

MAX_GRID_SIZE = 2**63 - 1
"""Maximum number of points of a grid, which are drawn by their numbers."""


@dataclass(frozen=True)
class SearchSpace:
    """The search space of a sweep: its hyperparameters by dotted config keys.

    A point of the space is Optuna's params of a trial: a draw for each hyperparameter that is not constant.

    Example:
        >>> from rnn_capacity.search.space.parameters import Choice, Constant
        >>> space = SearchSpace({"model.init_args.cell": Choice(("rnn", "gru")), "trainer.max_steps": Constant(100)})
        >>> space.grid_size, space.values({"model.init_args.cell": "gru"})
        (2, {'model.init_args.cell': 'gru', 'trainer.max_steps': 100})
    """

    parameters: dict[str, Parameter]
    """The hyperparameters by dotted keys, constants included."""

    @property
    def searched(self) -> dict[str, Parameter]:
        """The hyperparameters that are not constant."""
        return {name: found for name, found in self.parameters.items() if not isinstance(found, Constant)}

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return the distribution that Optuna draws each searched hyperparameter from."""
        found = {name: parameter.distribution() for name, parameter in self.parameters.items()}
        return {name: distribution for name, distribution in found.items() if distribution is not None}

    def values(self, params: Params) -> dict[str, Any]:
        """Convert the params of an Optuna trial to the values, of JSON types, of all hyperparameters.

        Raises:
            ValueError: If the params lack a hyperparameter.
        """
        missing = self.searched.keys() - params.keys()
        if missing:
            raise ValueError(f"params must have {', '.join(self.searched)}; got none for {', '.join(sorted(missing))}")
        return {name: parameter.value(params.get(name)) for name, parameter in self.parameters.items()}

    def check_grid(self) -> None:
        """Raise ValueError unless every hyperparameter has a finite list of values, as W&B requires for a grid.

        Raises:
            ValueError: If one is continuous, its values have probabilities, or there are 2**63 points or more.
        """
        for name, parameter in self.searched.items():
            if parameter.grid() is None:
                raise ValueError(
                    f"parameters.{name} must have value, values, int_uniform or q_uniform for method grid, got a "
                    "continuous distribution or probabilities"
                )
        size = math.prod(len(parameter.grid() or []) for parameter in self.searched.values())
        if size > MAX_GRID_SIZE:
            raise ValueError(f"parameters must make at most {MAX_GRID_SIZE} points for method grid, got {size}")

    @property
    def grid_size(self) -> int:
        """The number of points of the grid.

        Raises:
            ValueError: As `check_grid`.
        """
        return math.prod(len(axis) for axis in self.axes.values())

    def grid_point(self, index: int) -> Params:
        """Return the grid point with an index from 0, where the last hyperparameter varies fastest."""
        point = {}
        for name, axis in reversed(self.axes.items()):
            index, place = divmod(index, len(axis))
            point[name] = axis[place]
        return {name: point[name] for name in self.axes}

    def grid_index(self, params: Params) -> int | None:
        """Return the number of a point of the grid; None if the point is not on the grid."""
        index = 0
        for name, axis in self.axes.items():
            position = axis_position(params[name], axis) if name in params else None
            if position is None:
                return None
            index = index * len(axis) + position
        return index

    @cached_property
    def axes(self) -> dict[str, Sequence[Any]]:
        """The values that a grid search tries for each hyperparameter that is not constant, by dotted config keys.

        Raises:
            ValueError: As `check_grid`.
        """
        self.check_grid()
        return {name: parameter.grid() or [] for name, parameter in self.searched.items()}


def axis_position(value: Any, axis: Sequence[Any]) -> int | None:
    """Return the index of a value in a hyperparameter's list of grid values, or None if it is not there."""
    if isinstance(axis, range):  # it finds only integers without comparing one by one
        if not isinstance(value, (int, float)) or value != round(value):
            return None
        value = round(value)
    return axis.index(value) if value in axis else None
