"""One hyperparameter of a sweep: what Optuna draws for it, and the value that it then has.

Optuna draws uniformly, uniformly in the logarithm, and among choices. Whatever else W&B has is drawn as a quantile,
uniform in (0, 1), and mapped by the inverse of its distribution function; a Gaussian process then sees the quantile.
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

WIDEST = 2**16
"""Integers up to which a range is drawn as integers: Optuna's Gaussian process lists every one of them."""

STORABLE = (str, int, float, bool, type(None))
"""Choices that an Optuna storage takes."""


class Parameter(ABC):
    """One hyperparameter."""

    @abstractmethod
    def distribution(self) -> BaseDistribution | None:
        """What Optuna draws from; None if there is nothing to draw."""

    @abstractmethod
    def value(self, drawn: Any) -> Any:
        """The hyperparameter's value, as JSON has it, for what Optuna drew."""

    def grid(self) -> Sequence[Any] | None:
        """All that Optuna may draw, in order; None if a grid does not take the hyperparameter."""
        return None


@dataclass(frozen=True)
class Constant(Parameter):
    """A value that is given and not searched for."""

    given: Any
    """The value."""

    def distribution(self) -> None:
        """Nothing is drawn."""

    def value(self, drawn: Any = None) -> Any:
        """The value."""
        return self.given

    def grid(self) -> list[Any]:
        """Its one point."""
        return [None]


@dataclass(frozen=True)
class Choice(Parameter):
    """One of several values, each as likely as the next, or with probabilities of their own.

    Without probabilities Optuna draws the value itself, a list or a mapping as JSON. With them it draws a quantile u in
    (0, 1), which stands for the first value up to which the probabilities sum to more than u.
    """

    values: tuple[Any, ...]
    """The values; no two are equal."""

    probabilities: tuple[float, ...] | None = None
    """Of each value; they sum to 1."""

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
        """The choice."""
        if self.probabilities is None:
            return self.values[self.drawable.index(drawn)]
        bounds = list(accumulate(self.probabilities))
        likely = [index for index, probability in enumerate(self.probabilities) if probability > 0]
        return self.values[next((index for index in likely if drawn < bounds[index]), likely[-1])]

    def grid(self) -> list[Any] | None:
        """The choices; None if they have probabilities."""
        return self.drawable if self.probabilities is None else None


@dataclass(frozen=True)
class Whole(Parameter):
    """An integer, uniform from `low` to `high`, both included.

    Optuna draws it as an integer, or, if there are more than `WIDEST`, as a number that is rounded.
    """

    low: int
    """The least."""

    high: int
    """The greatest."""

    def distribution(self) -> BaseDistribution:
        """The integers."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.high - self.low < WIDEST:
            return IntDistribution(self.low, self.high)
        return FloatDistribution(self.low - 0.5, self.high + 0.5)

    def value(self, drawn: Any) -> int:
        """The integer."""
        return int(min(max(round(drawn), self.low), self.high))

    def grid(self) -> range:
        """All of them."""
        return range(self.low, self.high + 1)


@dataclass(frozen=True)
class Interval(Parameter):
    """A number between `low` and `high`, uniform or uniform in its logarithm, perhaps rounded to multiples of `q`.

    Optuna draws the number before it is rounded. As in W&B the ends are rounded, too, so that a multiple of q outside
    of them may come; the numbers are integers if q is one.
    """

    low: float
    """The least."""

    high: float
    """The greatest."""

    log: bool = False
    """Whether the logarithm is uniform."""

    q: float | None = None
    """Round to multiples of this."""

    def distribution(self) -> BaseDistribution:
        """The interval."""
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, drawn: Any) -> float:
        """The number."""
        return rounded(float(drawn), self.q)

    def grid(self) -> list[Any] | None:
        """From `low` in steps of q to below `high`, as W&B has it; None if it is not both uniform and rounded."""
        if self.q is None or self.log:
            return None
        return [self.low + index * self.q for index in range(math.ceil((self.high - self.low) / self.q))]


@dataclass(frozen=True)
class Quantile(Parameter):
    """A number from a distribution that Optuna does not have, perhaps rounded to multiples of `q`.

    Optuna draws the quantile u in (0, 1); the number is F⁻¹(u), with the law's distribution function F.
    """

    law: Law
    """Normal with mean mu and deviation sigma, exp of such a number, or beta with exponents a and b."""

    first: float
    """Mu, or a."""

    second: float
    """Sigma, or b."""

    q: float | None = None
    """Round to multiples of this."""

    def distribution(self) -> BaseDistribution:
        """The quantile, without the ends, at which a normal number is infinite."""
        from optuna.distributions import FloatDistribution

        return FloatDistribution(1e-6, 1 - 1e-6)

    def value(self, drawn: Any) -> float:
        """The number."""
        from scipy import stats

        if self.law == "beta":
            number = stats.beta.ppf(drawn, self.first, self.second)
        else:
            number = stats.norm.ppf(drawn, self.first, self.second)
            number = math.exp(number) if self.law == "log_normal" else number
        return rounded(float(number), self.q)


def rounded(number: float, q: float | None) -> float:
    """The nearest multiple of q, an integer if q is one; the number itself if q is None."""
    return number if q is None else round(number / q) * q
