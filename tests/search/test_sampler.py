"""Which points are proposed: at random, by a grid, by a Gaussian process, and to several workers."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from scipy import stats

from rnn_capacity.search import Sampler, SearchSpace, importances, parse_sweep
from rnn_capacity.search import sampler as sampler_module
from rnn_capacity.studies import Proposal

SPACE = {
    "x": {"min": -1.0, "max": 1.0},
    "y": {"distribution": "log_uniform_values", "min": 1e-3, "max": 10},
    "kind": {"values": ["a", "b", [1]]},
    "n": {"min": 0, "max": 5},
    "fixed": {"value": 7},
}
GRID = {"a": {"values": ["u", "v"]}, "n": {"min": 1, "max": 5}}


def proposer_of(given: dict[str, Any], method: Any = "bayes", goal: Any = "maximize", seed: int | None = 0) -> Sampler:
    return Sampler(space_of(given), method, goal, seed)


def space_of(given: dict[str, Any]) -> SearchSpace:
    return parse_sweep({"method": "random", "parameters": given}).space


def trials_of(
    points: list[Proposal], value: Callable[[dict[str, Any]], float | None], first: int = 0
) -> list[FrozenTrial]:
    return [trial_of(point, first + place, value(point.params)) for place, point in enumerate(points)]


def trial_of(point: Proposal, number: int, value: float | None, state: Any = TrialState.COMPLETE) -> FrozenTrial:
    return FrozenTrial(number, state, value, None, None, *point, {}, {}, {}, number)


def with_value(trial: FrozenTrial, value: float) -> FrozenTrial:
    return trial_of(Proposal(trial.params, trial.distributions), trial.number, value)


def running(points: list[Proposal]) -> list[FrozenTrial]:
    return [trial_of(point, 900 + place, None, TrialState.RUNNING) for place, point in enumerate(points)]


def bowl(params: dict[str, Any]) -> float:
    """Best, at 0, where x = 0.3, y = 0.1 and kind is b; n does nothing."""
    return -((params["x"] - 0.3) ** 2) - (math.log10(params["y"]) + 1) ** 2 / 4 - 0.5 * (params["kind"] != "b")


def key(proposal: Proposal) -> tuple[Any, ...]:
    return tuple(sorted(proposal.params.items()))


def test_the_first_batch_is_random() -> None:
    for goal in ("maximize", "minimize"):
        points = proposer_of(SPACE, goal=goal)(64, [], [])
        assert len({key(point) for point in points}) == 64
        assert stats.kstest([point.params["x"] for point in points], stats.uniform(-1, 2).cdf).pvalue > 0.01
        assert {point.params["kind"] for point in points} == {"a", "b", "[1]"}
        assert points[0].distributions == space_of(SPACE).distributions()
    few = trials_of(points[: sampler_module.STARTUP - 1], bowl)
    after = proposer_of(SPACE)(64, few, [])
    assert stats.kstest([point.params["x"] for point in after], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_values_are_those_of_the_config() -> None:
    values = space_of(SPACE).values({"x": 0.5, "y": 0.1, "kind": "[1]", "n": 2})
    assert values == {"x": 0.5, "y": 0.1, "kind": [1], "n": 2, "fixed": 7}


def best_of(method: str, seed: int) -> float:
    """The best value of 36 trials in batches of 12."""
    sampler = proposer_of(SPACE, method, seed=seed)
    finished: list[FrozenTrial] = []
    for _ in range(3):
        finished += trials_of(sampler(12, finished, []), bowl, len(finished))
    return max(trial.value for trial in finished if trial.value is not None)


def test_the_gaussian_process_finds_better_values_than_random_draws() -> None:
    seeds = range(2)
    bayes = [best_of("bayes", seed) for seed in seeds]
    draws = [best_of("random", seed) for seed in seeds]
    assert max(bayes) < 0
    assert min(bayes) > -0.01
    assert np.median(bayes) > np.median(draws) / 3


def test_minimizing_is_maximizing_the_negative(known: list[FrozenTrial]) -> None:
    negative = [with_value(trial, -(trial.value or 0.0)) for trial in known]
    (most,) = proposer_of(SPACE, goal="maximize")(1, known, [])
    (least,) = proposer_of(SPACE, goal="minimize")(1, negative, [])
    (worst,) = proposer_of(SPACE, goal="minimize")(1, known, [])
    assert key(least) == key(most) != key(worst)


@pytest.fixture(scope="module")
def known() -> list[FrozenTrial]:
    """Forty finished trials."""
    return trials_of(proposer_of(SPACE, "random", seed=5)(40, [], []), bowl)


def spread(points: list[Proposal], point: Proposal) -> float:
    """The distance in the coordinates that matter, on their scales, to the nearest of some points."""

    def place(params: dict[str, Any]) -> np.ndarray[Any, Any]:
        return np.array([params["x"] / 2, math.log10(params["y"]) / 4, float(params["kind"] == "b")])

    return min(float(np.linalg.norm(place(point.params) - place(other.params))) for other in points)


def test_running_trials_are_taken_into_account(known: list[FrozenTrial]) -> None:
    sampler = proposer_of(SPACE)
    (alone,) = sampler(1, known, [])
    assert spread([alone], alone) == 0
    around = [alone._replace(params={**alone.params, "n": n}) for n in range(6)]
    (beside,) = sampler(1, known, running(around))
    (again,) = sampler(1, known, [])
    assert key(again) == key(alone)
    assert key(beside) not in {key(point) for point in around}
    assert spread(around, beside) > 0.01


def test_the_points_of_a_batch_differ(known: list[FrozenTrial]) -> None:
    points = proposer_of(SPACE)(6, known, [])
    assert len({key(point) for point in points}) == 6
    assert all(spread(points[:place], point) > 1e-3 for place, point in enumerate(points) if place)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_two_workers_do_not_propose_the_same_points(method: str, known: list[FrozenTrial]) -> None:
    for finished in ([], known):
        first, second = (proposer_of(SPACE, method, seed=None)(2, finished, []) for _ in range(2))
        assert not {key(point) for point in first} & {key(point) for point in second}


@pytest.mark.parametrize("method", ["random", "bayes", "grid"])
def test_proposals_depend_on_the_seed_and_the_trials_only(method: str, known: list[FrozenTrial]) -> None:
    space = GRID if method == "grid" else SPACE
    one, same, other = (proposer_of(space, method, seed=seed)(2, known, []) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert proposer_of(space, method, seed=1)(2, known[:-1], []) != one


def test_a_grid_has_each_point_once_over_workers_and_then_ends() -> None:
    first, second = (proposer_of(GRID, "grid", seed=seed) for seed in (0, 1))
    assert first.grid_size == 10
    assert proposer_of(SPACE).grid_size is None
    one = first(4, [], [])
    two = second(4, trials_of(one[:2], lambda params: 0.0), running(one[2:]))
    rest = first(4, trials_of(one + two, lambda params: 0.0), [])
    assert (len(one), len(two), len(rest)) == (4, 4, 2)
    assert len({key(point) for point in one + two + rest}) == 10
    assert second(4, trials_of(one + two, lambda params: 0.0), running(rest)) == []


def test_a_huge_grid_is_not_listed() -> None:
    sampler = proposer_of({name: {"min": 1, "max": 1000} for name in "abcd"}, "grid")
    assert sampler.grid_size == 10**12
    start = time.perf_counter()
    points = sampler(64, [], [])
    assert time.perf_counter() - start < 2
    assert len({key(point) for point in points}) == 64


def test_seeds_are_random_and_hidden_from_the_gaussian_process(known: list[FrozenTrial]) -> None:
    given = {**SPACE, "model.init_args.seed": {"min": 0, "max": 9999}}
    sampler = proposer_of(given)
    finished = trials_of(proposer_of(given, "random", seed=5)(40, [], []), bowl)
    one = sampler(4, finished, [])
    assert len({point.params["model.init_args.seed"] for point in one}) == 4
    changed = [
        trial_of(Proposal(trial.params | {"model.init_args.seed": 0}, {}), trial.number, trial.value)
        for trial in finished
    ]
    assert sampler(4, changed, []) == one


def test_a_trial_without_a_value_counts_as_the_worst(known: list[FrozenTrial]) -> None:
    worst = min(trial.value for trial in known if trial.value is not None)
    holes = [*known[:20], *(trials_of([Proposal(t.params, t.distributions) for t in known[20:]], lambda _: None, 20))]
    filled = [*known[:20], *(trials_of([Proposal(t.params, t.distributions) for t in known[20:]], lambda _: worst, 20))]
    floor = min(trial.value for trial in known[:20] if trial.value is not None)
    level = trials_of([Proposal(t.params, t.distributions) for t in filled[20:]], lambda _: floor, 20)
    assert proposer_of(SPACE)(2, holes, []) == proposer_of(SPACE)(2, [*known[:20], *level], [])


def test_trials_of_another_space_are_ignored(known: list[FrozenTrial]) -> None:
    foreign = [
        trial_of(Proposal({"z": 1.0}, {}), 50, 9.0),
        trial_of(Proposal({**known[0].params, "x": 4.0}, known[0].distributions), 51, 9.0),
    ]
    (point,) = proposer_of(SPACE)(1, [*known, *foreign], running([Proposal({"z": 1.0}, {})]))
    assert point.params.keys() == space_of(SPACE).distributions().keys()


def test_the_gaussian_process_is_fitted_to_the_best_and_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    added = []
    original = optuna.Study.add_trials
    monkeypatch.setattr(
        optuna.Study, "add_trials", lambda study, trials: (added.append(trials), original(study, trials))
    )
    monkeypatch.setattr(sampler_module, "FITTED", 20)
    points = proposer_of(SPACE, "random", seed=5)(50, [], [])
    for goal, best in (("maximize", range(10)), ("minimize", [*range(30, 40)])):
        values = [
            float(50 - place) if place < 10 else -float(place) if 30 <= place < 40 else 0.0 for place in range(50)
        ]
        finished = [trial_of(points[i], i, values[i]) for i in range(50)]
        monkeypatch.setattr(sampler_module, "RUNNING", 3)
        proposer_of(SPACE, goal=goal)(1, finished, running(points[:5]))
        latest = [place for place in range(50) if place not in best][-10:]
        fitted = [trial.params for trial in next(trials for trials in reversed(added) if trials)]
        assert fitted == [points[place].params for place in (*sorted([*best, *latest]), 2, 3, 4)]


def test_the_time_of_a_proposal_does_not_grow_with_the_number_of_trials() -> None:
    sampler = proposer_of(SPACE)
    finished = trials_of(proposer_of(SPACE, "random", seed=5)(3000, [], []), bowl)
    sampler(1, finished[:64], [])  # imports
    start = time.process_time()
    sampler(2, finished[: sampler_module.FITTED], [])
    bounded = time.process_time() - start
    start = time.process_time()
    sampler(2, finished, [])
    assert time.process_time() - start < 3 * bounded + 1


def test_optuna_prints_nothing(known: list[FrozenTrial], capfd: pytest.CaptureFixture[str]) -> None:
    verbosity = optuna.logging.get_verbosity()
    flat = [with_value(trial, 1.0) for trial in known]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proposer_of(SPACE)(3, flat, running([Proposal(known[0].params, known[0].distributions)]))
        importances(known, space_of(SPACE), "maximize")
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == verbosity


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_parameters_that_change_the_value_are_important(goal: str) -> None:
    sign = 1 if goal == "maximize" else -1
    points = proposer_of(SPACE, "random", seed=5)(300, [], [])
    finished = trials_of(points, lambda params: sign * (-5 * abs(params["x"] - 0.3) + 0.1 * bowl(params)))
    found = importances(finished, space_of(SPACE), goal)
    assert next(iter(found)) == "x"
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(found.values()) == pytest.approx(1)
    assert found["x"] > 0.7
    assert found["n"] < 0.1
    assert found.keys() == {"x", "y", "kind", "n"}


def test_importances_need_trials_that_differ(known: list[FrozenTrial]) -> None:
    assert importances(known[:10], space_of(SPACE), "maximize") == {}
    flat = [with_value(trial, 1.0) for trial in known]
    assert set(importances(flat, space_of(SPACE), "maximize").values()) == {0.0}


def test_arguments_out_of_range_are_rejected() -> None:
    with pytest.raises(ValueError, match="method must be one of random, grid, bayes; got 'tpe'"):
        proposer_of(SPACE, "tpe")
    with pytest.raises(ValueError, match="goal must be one of minimize, maximize; got 'max'"):
        proposer_of(SPACE, goal="max")
    with pytest.raises(ValueError, match=r"parameters\.x must have .* a continuous distribution"):
        proposer_of(SPACE, "grid")
