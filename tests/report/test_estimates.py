"""Intervals and tests against SciPy and against naive formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rnn_capacity.report.estimates import RESAMPLES, Estimate, combine, r_squared, share, welch
from rnn_capacity.report.results import TrialResult, best_first


def trials(values: list[float], feasible: list[bool] | None = None, goal: str = "maximize") -> list[TrialResult]:
    flags = feasible or [True] * len(values)
    return [
        TrialResult("s", n, "t", "c", goal=goal, value=value, feasible=flag, metrics={"test": 10 * value})
        for n, (value, flag) in enumerate(zip(values, flags, strict=True))
    ]


def test_the_interval_of_the_best_trial_is_that_of_order_statistics() -> None:
    values = list(np.random.default_rng(3).random(12))
    found = Estimate.of_best(trials(values), lambda row: row.value)
    # the largest of n draws with replacement is at most the k-th smallest value with probability (k/n)^n
    ranks = [(k / 12) ** 12 for k in range(1, 13)]
    exact = sorted(values)[next(k for k, chance in enumerate(ranks) if chance >= 0.025)]
    assert found.value == found.high == max(values)
    assert found.low == pytest.approx(exact)
    assert found.trials == 12


def test_the_best_trial_is_chosen_by_the_optimized_value_and_never_infeasible() -> None:
    rows = trials([0.1, 0.9, 0.5], [True, False, True])
    assert Estimate.of_best(rows, lambda row: row.metrics["test"]).value == 5.0
    rows = trials([0.1, 0.9, 0.5], goal="minimize")
    assert Estimate.of_best(rows, lambda row: row.metrics["test"]).value == 1.0


def test_a_trial_of_a_study_with_another_objective_than_most_is_not_the_best() -> None:
    rows = [*trials([0.7], goal="maximize"), *trials([0.3, 0.2], goal="minimize")]
    assert [row.value for row in best_first(rows)] == [0.2, 0.3, 0.7]
    assert Estimate.of_best(rows, lambda row: row.value).value == 0.2
    assert best_first([]) == []


def test_the_interval_of_a_mean_agrees_with_its_standard_error() -> None:
    values = list(np.random.default_rng(4).standard_normal(400))
    found = Estimate.of_mean(values)
    half = 1.96 * np.std(values, ddof=1) / math.sqrt(400)
    assert found.low == pytest.approx(np.mean(values) - half, abs=0.01)
    assert found.high == pytest.approx(np.mean(values) + half, abs=0.01)


def test_one_trial_has_no_interval() -> None:
    assert Estimate.of_best(trials([0.3]), lambda row: row.value).interval is None
    assert Estimate.of_mean([1.0]).low is None
    assert combine(lambda v: v[0] - v[1], Estimate.of_mean([1.0]), Estimate.of_mean([1.0, 2.0])).high is None


def test_a_difference_of_means_has_the_interval_of_independent_samples() -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(3, 1, 300), random.normal(1, 2, 300)
    found = combine(lambda v: v[0] - v[1], Estimate.of_mean(list(first)), Estimate.of_mean(list(second)))
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.low == pytest.approx(expected.low, abs=0.05)
    assert found.high == pytest.approx(expected.high, abs=0.05)
    assert len(found.draws) == RESAMPLES


def test_the_wilson_interval_is_its_formula() -> None:
    found, z = share(57, 100), stats.norm.ppf(0.975)
    middle = (0.57 + z**2 / 200) / (1 + z**2 / 100)
    half = z / (1 + z**2 / 100) * math.sqrt(0.57 * 0.43 / 100 + z**2 / 40000)
    assert found.interval == pytest.approx((middle - half, middle + half))


def test_welchs_t_is_its_formula_and_negative_if_the_first_is_lower() -> None:
    first, second = [1.0, 2.0, 3.0, 2.5], [4.0, 6.0, 5.0]
    test = welch(first, second)
    assert test is not None
    error = math.sqrt(np.var(first, ddof=1) / 4 + np.var(second, ddof=1) / 3)
    assert test.t == pytest.approx((np.mean(first) - np.mean(second)) / error)
    assert test.t < 0
    assert test.difference.high is not None
    assert test.difference.high < 0
    assert (test.p < 0.05) == (test.difference.high < 0)
    assert welch([1.0], second) is None


def test_r_squared_is_that_of_a_linear_regression() -> None:
    x, y = [1.0, 2.0, 4.0], np.array([[1.0, 2.0], [2.2, 2.0], [3.9, 2.0]])
    assert r_squared(x, y[:, 0]) == pytest.approx(stats.linregress(x, y[:, 0]).rvalue ** 2)
    assert np.isnan(r_squared(x, y)[1])
