"""The hyperparameters of a sweep: the distribution that Optuna draws from, and the value of each draw.

Optuna draws uniformly, uniformly in the logarithm, and among choices. For the other distributions of W&B it draws a
quantile, uniform in (0, 1), which the inverse of the distribution function maps to the value; a Gaussian process then
models the quantile.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Law = Literal["normal", "log_normal", "beta"]

MAX_INTEGERS = 2**16
"""Size up to which a range is drawn as integers: Optuna's Gaussian process lists every integer."""

STORABLE = (str, int, float, bool, type(None))
"""Types of choices that an Optuna storage can hold."""


class Parameter(ABC):
    """A hyperparameter of a search space."""

    @abstractmethod
    def distribution(self) -> BaseDistribution | None:
        """Return the distribution that Optuna draws from; None for a constant."""

    @abstractmethod
    def value(self, drawn: Any) -> Any:
        """Convert what Optuna drew to the hyperparameter's value, as JSON has it."""

    def grid(self) -> Sequence[Any] | None:
        """List the values on a grid, as Optuna draws them; None if continuous or drawn by probabilities."""
        return None


@dataclass(frozen=True)
class Constant(Parameter):
    """A hyperparameter with one value, which is not searched."""

    given: Any
    """The value."""

    def distribution(self) -> None:
        """Return None: nothing is drawn."""

    def value(self, drawn: Any = None) -> Any:
        """Return the value."""
        return self.given

    def grid(self) -> list[Any]:
        """Return the one point."""
        return [None]


@dataclass(frozen=True)
class Choice(Parameter):
    """A hyperparameter with one of several values, all equally likely or with probabilities.

    Without probabilities Optuna draws the value itself, a list or a mapping as JSON. With them it draws a quantile u in
    (0, 1), which stands for the first value up to which the probabilities sum to more than u.
    """

    values: tuple[Any, ...]
    """The values; no two are equal."""

    probabilities: tuple[float, ...] | None = None
    """The probability of each value; they sum to 1."""

    @cached_property
    def drawable(self) -> list[Any]:
        """The values as Optuna stores them."""
        plain = all(isinstance(value, STORABLE) for value in self.values)
        if plain and len(set(self.values)) == len(self.values):
            return list(self.values)
        texts = [value if isinstance(value, str) else json.dumps(value) for value in self.values]
        return texts if len(set(texts)) == len(texts) else [json.dumps(value) for value in self.values]

    def distribution(self) -> BaseDistribution:
        """The choices, or a quantile."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        return CategoricalDistribution(self.drawable) if self.probabilities is None else FloatDistribution(0, 1)

    def value(self, drawn: Any) -> Any:
        """Return the chosen value."""
        if self.probabilities is None:
            return self.values[self.drawable.index(drawn)]
        bounds = list(accumulate(self.probabilities))
        likely = [index for index, probability in enumerate(self.probabilities) if probability > 0]
        return self.values[next((index for index in likely if drawn < bounds[index]), likely[-1])]

    def grid(self) -> list[Any] | None:
        """Return the choices; None if they have probabilities."""
        return self.drawable if self.probabilities is None else None


@dataclass(frozen=True)
class Integer(Parameter):
    """An integer hyperparameter, uniform from `low` to `high`, both included.

    Optuna draws an integer, or, from more than `MAX_INTEGERS`, a number that is rounded.
    """

    low: int
    """The smallest value."""

    high: int
    """The largest value."""

    def distribution(self) -> BaseDistribution:
        """Return the integers, or the interval that is rounded to them."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.high - self.low < MAX_INTEGERS:
            return IntDistribution(self.low, self.high)
        return FloatDistribution(self.low - 0.5, self.high + 0.5)

    def value(self, drawn: Any) -> int:
        """Round what Optuna drew."""
        return int(min(max(round(drawn), self.low), self.high))

    def grid(self) -> range:
        """Return all integers."""
        return range(self.low, self.high + 1)


@dataclass(frozen=True)
class Interval(Parameter):
    """A number between `low` and `high`, uniform or log-uniform, optionally rounded to multiples of `q`.

    Optuna draws the number before it is rounded. As in W&B the ends are rounded, too, so that a value may be a multiple
    of q outside of them; the values are integers if q is one.
    """

    low: float
    """The smallest value."""

    high: float
    """The largest value."""

    log: bool = False
    """Whether the logarithm is uniform."""

    q: float | None = None
    """Round to multiples of this."""

    def distribution(self) -> BaseDistribution:
        """Return the interval."""
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, drawn: Any) -> float:
        """Round what Optuna drew."""
        return rounded(float(drawn), self.q)

    def grid(self) -> list[Any] | None:
        """Return the values from `low` in steps of q to below `high`, as W&B does; None unless uniform and rounded."""
        if self.q is None or self.log:
            return None
        return [self.low + index * self.q for index in range(math.ceil((self.high - self.low) / self.q))]


@dataclass(frozen=True)
class Quantile(Parameter):
    """A number from a distribution that Optuna does not have, optionally rounded to multiples of `q`.

    Optuna draws the quantile u in (0, 1); the number is F⁻¹(u), with the law's distribution function F.
    """

    law: Law
    """Normal with mean mu and deviation sigma, log-normal, or beta with parameters a and b."""

    first: float
    """The parameter mu or a."""

    second: float
    """The parameter sigma or b."""

    q: float | None = None
    """Round to multiples of this."""

    def distribution(self) -> BaseDistribution:
        """Return the interval of the quantile, without the ends, at which a normal number is infinite."""
        from optuna.distributions import FloatDistribution

        return FloatDistribution(1e-6, 1 - 1e-6)

    def value(self, drawn: Any) -> float:
        """Map the quantile to the number and round it."""
        from scipy import stats

        if self.law == "beta":
            number = stats.beta.ppf(drawn, self.first, self.second)
        else:
            number = stats.norm.ppf(drawn, self.first, self.second)
            number = exponential(number) if self.law == "log_normal" else number
        return rounded(float(number), self.q)


def rounded(number: float, q: float | None) -> float:
    """Round to the nearest multiple of q, an integer if q is one; None does not round."""
    multiple = number if q is None else number / q
    return number if q is None or not math.isfinite(multiple) else round(multiple) * q


def exponential(number: float) -> float:
    """Return e to the power of a number, infinity where it is beyond the largest float."""
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf
