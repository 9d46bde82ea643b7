"""Estimates with confidence intervals from the bootstrap, Welch's t-test and R²."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rnn_capacity.report.results import Rows, best_first

Floats = NDArray[np.float64]

RESAMPLES = 999
"""Number of bootstrap samples for a confidence interval."""

CONFIDENCE = 0.95
"""Confidence level of all intervals, as a fraction of 1."""

BATCH = 1_000_000
"""Largest number of resampled values that are in memory at once."""


@dataclass(frozen=True)
class Estimate:
    """A number with a 95 % confidence interval.

    Example:
        >>> Estimate.of_mean([1.0, 2.0, 3.0]).value, Estimate(2.0).low
        (2.0, None)
    """

    value: float
    """The point estimate."""

    draws: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    """The estimate in each of `RESAMPLES` bootstrap samples; empty if the interval does not come from the bootstrap."""

    bounds: tuple[float, float] | None = None
    """Lower and upper end of an interval that does not come from the bootstrap; None otherwise."""

    trials: int = 0
    """Number of trials that the estimate is computed from."""

    fewest: int = 0
    """Smallest number of trials behind any of the numbers that the estimate is combined from."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval as (low, high); None if there are too few trials for one."""
        if self.bounds is not None:
            return self.bounds
        if not len(self.draws) or not np.isfinite(self.draws).all():
            return None
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(self.draws, [tail, 100 - tail])
        # the largest of several noisy numbers is larger in most bootstrap samples
        return min(float(low), self.value), max(float(high), self.value)

    @property
    def low(self) -> float | None:
        """Lower end of the 95 % confidence interval; None without an interval."""
        return None if self.interval is None else self.interval[0]

    @property
    def high(self) -> float | None:
        """Upper end of the 95 % confidence interval; None without an interval."""
        return None if self.interval is None else self.interval[1]

    @classmethod
    def of_mean(cls, values: Sequence[float]) -> Estimate:
        """Estimate the mean over repeated runs, with a percentile bootstrap."""
        return bootstrapped(values, np.mean)

    @classmethod
    def of_median(cls, values: Sequence[float]) -> Estimate:
        """Estimate the median over random draws of hyperparameters, with a percentile bootstrap."""
        return bootstrapped(values, np.median)

    @classmethod
    def of_best(cls, rows: Rows, quantity: Callable[[Any], float]) -> Estimate:
        """Estimate a quantity of the best of several trials, by the value that the study optimizes.

        The interval is that of the bootstrap over trials: what the best of as many other draws of these trials has.

        Args:
            rows: The trials; infeasible ones are drawn, too, and are the last to be chosen.
            quantity: What is reported of the best trial.
        """
        ranked = best_first(rows)
        values = np.array([quantity(row) for row in ranked], dtype=np.float64)
        ranks = resampled(np.arange(len(values), dtype=np.float64), np.min)
        return cls(float(values[0]), values[ranks.astype(np.int64)], trials=len(rows), fewest=len(rows))


def bootstrapped(values: Sequence[float], statistic: Callable[..., Any]) -> Estimate:
    """Estimate a statistic of a sample, with the percentile bootstrap's interval."""
    array = np.asarray(values, dtype=np.float64)
    return Estimate(float(statistic(array)), resampled(array, statistic), trials=len(array), fewest=len(array))


def resampled(values: Floats, statistic: Callable[..., Any]) -> Floats:
    """Return a statistic of each of `RESAMPLES` bootstrap samples; an empty array for fewer than two values."""
    if len(values) < 2:
        return np.empty(0)
    result = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLES,
        batch=max(1, BATCH // len(values)),
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    draws: Floats = result.bootstrap_distribution
    return draws


def combine(function: Callable[[Floats], Any], *estimates: Estimate) -> Estimate:
    """Apply a function to the values of independent estimates, and to their bootstrap samples for the interval.

    Args:
        function: Takes the estimates along the first axis, (estimates, ...), and returns one number for each column.
        *estimates: The estimates.

    Example:
        >>> ratio = combine(lambda v: v[0] / v[1], Estimate.of_mean([2.0, 4.0]), Estimate.of_mean([1.0, 2.0]))
        >>> ratio.value, ratio.trials
        (2.0, 4)
    """
    trials = sum(estimate.trials for estimate in estimates)
    fewest = min(estimate.fewest for estimate in estimates)
    with np.errstate(all="ignore"):  # what is not finite has no interval
        value = float(function(np.array([estimate.value for estimate in estimates])))
        if not all(len(estimate.draws) for estimate in estimates):
            return Estimate(value, trials=trials, fewest=fewest)
        generator = np.random.default_rng(1)  # estimates are independent, and their bootstrap samples have one seed
        draws = np.array([generator.permutation(estimate.draws) for estimate in estimates])
        return Estimate(value, np.asarray(function(draws), dtype=np.float64), trials=trials, fewest=fewest)


def share(count: int, total: int) -> Estimate:
    """Estimate the share count / total, with its 95 % Wilson interval.

    Example:
        >>> share(5, 10).value, round(share(5, 10).low, 3)
        (0.5, 0.237)
    """
    interval = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(count / total, bounds=(float(interval.low), float(interval.high)), trials=total, fewest=total)


@dataclass(frozen=True)
class Welch:
    """Result of Welch's t-test, which compares the means of two samples with different variances."""

    t: float
    """The t statistic, negative if the first sample has the lower mean."""

    p: float
    """The two-sided p-value of the hypothesis that the means are equal."""

    difference: Estimate
    """Mean of the first sample minus that of the second, with the test's 95 % confidence interval."""


def welch(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Compare the means of two samples by Welch's t-test; None for fewer than two values or without variance."""
    if min(len(first), len(second)) < 2 or not (np.ptp(first) or np.ptp(second)):
        return None
    result = stats.ttest_ind(first, second, equal_var=False)
    interval = result.confidence_interval(CONFIDENCE)
    difference = float(np.mean(first) - np.mean(second))
    bounds = (float(interval.low), float(interval.high))
    sizes = (len(first), len(second))
    gap = Estimate(difference, bounds=bounds, trials=sum(sizes), fewest=min(sizes))
    return Welch(float(result.statistic), float(result.pvalue), gap)


def r_squared(x: Sequence[float], y: Floats) -> Any:
    """Return R² of the least-squares line through the points (x, y).

    Args:
        x: Positions, (points,).
        y: Values, (points, ...).

    Returns:
        R² of the least-squares line of each column; NaN if x or y is constant.
    """
    with warnings.catch_warnings(action="ignore", category=stats.ConstantInputWarning):
        positions = np.broadcast_to(np.array(x).reshape(-1, *[1] * (y.ndim - 1)), y.shape)
        return stats.pearsonr(positions, y, axis=0).statistic ** 2
