"""Hyperparameter types of a sweep: the Optuna distribution of each, and the conversion of a draw to a value.

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
from typing import Any, Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Law = Literal["normal", "log_normal", "beta"]

MAX_INTEGERS = 2**16
"""Size from which an integer range is drawn as floats, since Optuna's Gaussian process enumerates all integers."""

STORABLE = (str, int, float, bool, type(None))
"""Python types of categorical choices that an Optuna storage can hold."""


class Parameter(ABC):
    """A hyperparameter of a search space: an Optuna distribution, and a conversion of draws to values."""

    @abstractmethod
    def distribution(self) -> BaseDistribution | None:
        """Return the distribution that Optuna draws from; None for a constant."""

    @abstractmethod
    def value(self, drawn: Any) -> Any:
        """Convert a draw from the Optuna distribution to the hyperparameter's value, of a JSON type."""

    def grid(self) -> Sequence[Any] | None:
        """Return all values, as Optuna stores them, for a grid search; None if constant, continuous or weighted."""
        return None


@dataclass(frozen=True)
class Constant(Parameter):
    """A hyperparameter with one value, which is not searched."""

    given: Any
    """The constant value."""

    def distribution(self) -> None:
        """Return None, since Optuna draws nothing for a constant."""

    def value(self, drawn: Any = None) -> Any:
        """Return the constant value, whatever is passed as the draw."""
        return self.given


@dataclass(frozen=True)
class Choice(Parameter):
    """A hyperparameter with one of several values, all equally likely or with probabilities.

    Without probabilities Optuna draws the value itself, a list or a mapping as JSON. With them it draws a quantile u in
    (0, 1), which stands for the first value up to which the probabilities sum to more than u.
    """

    values: tuple[Any, ...]
    """The values; no two are equal."""

    probabilities: tuple[float, ...] | None = None
    """Probability of each value, with sum 1; None for equally likely values."""

    @cached_property
    def drawable(self) -> list[Any]:
        """The values as Optuna stores them: unchanged if all are different scalars, otherwise as JSON text."""
        plain = all(isinstance(value, STORABLE) for value in self.values)
        if plain and len(set(self.values)) == len(self.values):
            return list(self.values)
        texts = [value if isinstance(value, str) else json.dumps(value) for value in self.values]
        return texts if len(set(texts)) == len(texts) else [json.dumps(value) for value in self.values]

    def distribution(self) -> BaseDistribution:
        """Return a categorical distribution, or for given probabilities a uniform one of a quantile in (0, 1)."""
        return CategoricalDistribution(self.drawable) if self.probabilities is None else FloatDistribution(0, 1)

    def value(self, drawn: Any) -> Any:
        """Convert a categorical choice, or a quantile for given probabilities, to the hyperparameter's value."""
        if self.probabilities is None:
            return self.values[self.drawable.index(drawn)]
        bounds = list(accumulate(self.probabilities))
        likely = [index for index, probability in enumerate(self.probabilities) if probability > 0]
        return self.values[next((index for index in likely if drawn < bounds[index]), likely[-1])]

    def grid(self) -> list[Any] | None:
        """Return the values as Optuna stores them, or None if they have probabilities."""
        return self.drawable if self.probabilities is None else None


@dataclass(frozen=True)
class Integer(Parameter):
    """An integer hyperparameter, uniform from `low` to `high`, both included.

    Optuna draws an integer, or, from more than `MAX_INTEGERS`, a number that is rounded.
    """

    low: int
    """Smallest value, included."""

    high: int
    """Largest value, included."""

    def distribution(self) -> BaseDistribution:
        """Return an integer distribution, or a float distribution of draws to be rounded for a large range."""
        if self.high - self.low < MAX_INTEGERS:
            return IntDistribution(self.low, self.high)
        return FloatDistribution(self.low - 0.5, self.high + 0.5)

    def value(self, drawn: Any) -> int:
        """Round a draw to the nearest integer in [`low`, `high`]."""
        return int(min(max(round(drawn), self.low), self.high))

    def grid(self) -> range:
        """Return all integers from `low` to `high`, both included."""
        return range(self.low, self.high + 1)


@dataclass(frozen=True)
class Interval(Parameter):
    """A number between `low` and `high`, uniform or log-uniform, optionally rounded to multiples of `q`.

    Optuna draws the number before it is rounded. As in W&B the ends are rounded, too, so that a value may be a multiple
    of q outside of them; the values are integers if q is one.
    """

    low: float
    """Lower end of the range, before rounding."""

    high: float
    """Upper end of the range, before rounding."""

    log: bool = False
    """Whether the distribution is log-uniform instead of uniform."""

    q: float | None = None
    """Values are rounded to multiples of `q`; None for no rounding."""

    def distribution(self) -> BaseDistribution:
        """Return the uniform or log-uniform float distribution of the number before rounding."""
        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, drawn: Any) -> float:
        """Round a draw to the nearest multiple of `q`, if that is set."""
        return rounded(float(drawn), self.q)

    def grid(self) -> list[Any] | None:
        """Return `low`, `low` + q, ... below `high`, as W&B does, or None unless uniform and with `q`."""
        if self.q is None or self.log:
            return None
        return [self.low + index * self.q for index in range(math.ceil((self.high - self.low) / self.q))]


@dataclass(frozen=True)
class Quantile(Parameter):
    """A float hyperparameter with a normal, log-normal or beta distribution, optionally rounded to multiples of `q`.

    Optuna, which has none of these, draws the quantile u in (0, 1); the number is F⁻¹(u), with the law's distribution
    function F.
    """

    law: Law
    """Name of the distribution: normal, log_normal (both with mu and sigma) or beta (with a and b)."""

    first: float
    """First parameter of the distribution: mu of normal and log_normal, a of beta."""

    second: float
    """Second parameter of the distribution: sigma of normal and log_normal, b of beta."""

    q: float | None = None
    """Values are rounded to multiples of `q`; None for no rounding."""

    def distribution(self) -> BaseDistribution:
        """Return the uniform distribution of the quantile in (0, 1), without the ends, where F⁻¹ may be infinite."""
        return FloatDistribution(1e-6, 1 - 1e-6)

    def value(self, drawn: Any) -> float:
        """Convert a quantile in (0, 1) to the number F⁻¹(u), rounded to a multiple of `q` if that is set."""
        from scipy import stats

        if self.law == "beta":
            number = stats.beta.ppf(drawn, self.first, self.second)
        else:
            number = stats.norm.ppf(drawn, self.first, self.second)
            number = exponential(number) if self.law == "log_normal" else number
        return rounded(float(number), self.q)


def rounded(number: float, q: float | None) -> float:
    """Round a number to the nearest multiple of q, an integer if q is one, or return it unchanged if q is None."""
    multiple = number if q is None else number / q
    return number if q is None or not math.isfinite(multiple) else round(multiple) * q


def exponential(number: float) -> float:
    """Return e to the power of a number, infinity where it is beyond the largest float."""
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf
