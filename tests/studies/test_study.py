"""A study in the hands of one worker: what it is, what it holds, what it keeps of results."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from rnn_capacity.studies import Study, Timing, study_names
from tests.studies.grid import SPACE, grid, point

DEFINITION: dict[str, Any] = {"task": "memory", "config": {"cells": ["rnn", "gru"], "steps": 100, "clip": None}}


def test_a_study_is_found_again(url: str) -> None:
    made = Study.open(url, "first", definition=DEFINITION, goal="minimize")
    found = Study.open(url, "first")
    assert (found.name, found.goal, found.definition) == ("first", "minimize", DEFINITION)
    assert (made.name, made.goal, made.definition) == ("first", "minimize", DEFINITION)
    Study.open(url, "a", definition={})
    assert study_names(url) == ["a", "first"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"task": "text"}, "task is 'memory' there, 'text' was given"),
        ({"config": {"cells": ["rnn", "lstm"], "steps": 100, "clip": None}}, "config.cells[1] is 'gru' there, 'lstm'"),
        ({"config": {"cells": ["rnn"], "steps": 100, "clip": None}}, "config.cells is ['rnn', 'gru'] there, ['rnn']"),
        ({"config": {"cells": ["rnn", "gru"], "steps": True, "clip": None}}, "config.steps is 100 there, True"),
        ({"config": {"cells": ["rnn", "gru"], "steps": 100}}, "config.clip is None there, nothing was given"),
        ({"seed": 1}, "seed is nothing there, 1 was given"),
    ],
)
def test_another_definition_is_refused(url: str, changed: dict[str, Any], told: str) -> None:
    Study.open(url, "study", definition=DEFINITION)
    with pytest.raises(ValueError, match="measures something else") as refused:
        Study.open(url, "study", definition=DEFINITION | changed)
    assert told in str(refused.value)
    assert Study.open(url, "study").definition == DEFINITION


def test_another_goal_is_refused(url: str) -> None:
    Study.open(url, "study", definition=DEFINITION)
    with pytest.raises(ValueError, match="is to maximize, not to minimize"):
        Study.open(url, "study", definition=DEFINITION, goal="minimize")


def test_a_study_that_is_not_there_is_named_with_those_that_are(url: str) -> None:
    Study.open(url, "capacity", definition=DEFINITION)
    Study.open(url, "memory", definition=DEFINITION)
    with pytest.raises(ValueError, match=r"no 'capasity' in .*; did you mean capacity\? known are capacity, memory"):
        Study.open(url, "capasity")


def test_results_are_kept_to_the_last_digit(opened: Callable[..., Study]) -> None:
    study = opened()
    trials = study.claim(3, 10, grid(10))
    assert [(trial.number, trial.state, trial.params) for trial in trials] == [
        (place, "running", point(place).params) for place in range(3)
    ]
    assert all(trial.distributions == SPACE for trial in trials)
    figures = {"loss": 1 / 3, "steps": 7, "name": "ü\u2028\0", "nan": math.nan, "deep": {"list": [1, None, True]}}
    assert study.finish(trials[0], 0.1 + 0.2, True, figures)
    assert study.finish(trials[1], -1e-300, False, {"diverged_at": 12})
    for reader in (study, opened()):
        first, second, third = reader.trials()
        assert (first.state, first.value, first.feasible) == ("finished", 0.1 + 0.2, True)
        assert math.isnan(first.figures.pop("nan"))
        assert first.figures | {"nan": 0} == figures | {"nan": 0}
        assert (second.state, second.value, second.feasible) == ("finished", -1e-300, False)
        assert second.figures == {"diverged_at": 12}
        assert (third.state, third.value, third.feasible, third.figures) == ("running", None, None, {})
        assert third.params == point(2).params
        assert reader.counts() == (2, 1, 0, 1)
        assert reader.counts().total == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(opened: Callable[..., Study], value: float) -> None:
    study = opened()
    [trial] = study.claim(1, 1, grid(1))
    with pytest.raises(ValueError, match="value must be finite"):
        study.finish(trial, value, True, {})
    assert study.counts() == (0, 1, 0, 0)
    assert study.finish(trial, 0.0, False, {})


def test_figures_that_json_cannot_hold_store_nothing(opened: Callable[..., Study]) -> None:
    study = opened()
    [trial] = study.claim(1, 1, grid(1))
    with pytest.raises(TypeError):
        study.finish(trial, 1.0, True, {"tensor": object()})
    assert study.counts() == (0, 1, 0, 0)
    assert study.finish(trial, 1.0, True, {})


@pytest.mark.parametrize(("goal", "order"), [("maximize", [4, 1, 3, 0]), ("minimize", [0, 1, 3, 4])])
def test_the_best_are_feasible(url: str, goal: Any, order: list[int]) -> None:
    study = Study.open(url, "study", definition=DEFINITION, goal=goal)
    trials = study.claim(6, 6, grid(6))
    for trial, value in zip(trials, [1.0, 2.0, 9.0, 2.0, 3.0], strict=False):
        study.finish(trial, value, value < 9, {})
    assert [trial.number for trial in study.best(10)] == order
    assert [trial.number for trial in study.best(2)] == order[:2]


def test_nothing_of_optuna_is_heard(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        study = Study.open(url, "study", definition=DEFINITION)
        trials = study.claim(2, 2, grid(2))
        with study.alive(trials):
            study.finish(trials[0], 1.0, True, {})
        study.give_back(trials)
    assert heard == []
    assert capfd.readouterr() == ("", "")


def test_times_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="heartbeat must lie between 0 and grace, got 60 and 60"):
        Timing(60, 60)
    with pytest.raises(ValueError, match="patience must be at least 0"):
        Timing(patience=-1)
