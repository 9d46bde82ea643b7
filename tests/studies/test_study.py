"""A study with one worker: its specification, its totals and its stored results."""

from __future__ import annotations

import math
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from rnn_capacity.studies import Snapshot, Study, Timing, failures, feasible, metrics, study, study_names
from tests.studies.conftest import EVERY_STORAGE, with_driver
from tests.studies.grid import SPACE, counts, grid, numbers, places, point

SPECIFICATION: dict[str, Any] = {"task": "memory", "config": {"cells": ["rnn", "gru"], "steps": 100, "clip": None}}


def test_a_study_can_be_opened_again(url: str) -> None:
    made = Study.open(url, "first", specification=SPECIFICATION, goal="minimize")
    found = Study.open(url, "first")
    for one in (made, found):
        assert (one.name, one.goal, one.specification) == ("first", "minimize", SPECIFICATION)
    Study.open(url, "a", specification={})
    assert study_names(url) == ["a", "first"]


@pytest.fixture(scope="module")
def stored(prepared_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a storage with a study."""
    file = shutil.copy(prepared_file, tmp_path_factory.mktemp("stored"))
    Study.open(f"sqlite:///{file}", "study", specification=SPECIFICATION)
    return f"sqlite:///{file}"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"task": "text"}, "task must be 'memory' as in the stored study 'study' in sqlite:///"),
        ({"task": "text"}, "study.db, got 'text'; give another name"),
        ({"config": {"cells": ["rnn", "lstm"], "steps": 100, "clip": None}}, "config.cells[1] must be 'gru'"),
        ({"config": {"cells": ["rnn"], "steps": 100, "clip": None}}, "config.cells must be ['rnn', 'gru']"),
        ({"config": {"cells": ["rnn", "gru"], "steps": True, "clip": None}}, "config.steps must be 100"),
        ({"config": {"cells": ["rnn", "gru"], "steps": 100}}, "config.clip must be None"),
        ({"config": {"cells": ["rnn", "gru"], "steps": 100}}, "got nothing"),
        ({"seed": 1}, "seed must be nothing"),
    ],
)
def test_another_specification_is_refused(stored: str, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="as in the stored study") as refused:
        Study.open(stored, "study", specification=SPECIFICATION | changed)
    assert told in str(refused.value)
    assert Study.open(stored, "study").specification == SPECIFICATION


def test_another_goal_is_refused(url: str) -> None:
    Study.open(url, "study", specification=SPECIFICATION)
    with pytest.raises(ValueError, match=r"goal must be 'maximize' as in the stored .*, got 'minimize'"):
        Study.open(url, "study", specification=SPECIFICATION, goal="minimize")


def test_the_error_for_a_missing_study_lists_the_existing_ones(url: str) -> None:
    Study.open(url, "capacity", specification=SPECIFICATION)
    Study.open(url, "memory", specification=SPECIFICATION)
    with pytest.raises(ValueError, match=r"study must be one of capacity, memory in .*; got 'capasity'"):
        Study.open(url, "capasity")


def test_a_study_without_specification_gets_that_of_the_next_worker(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Study.open(database, "other", specification={})
    monkeypatch.setattr(study, "MAKER_SECONDS", 0.2)
    storage = optuna.storages.RDBStorage(with_driver(database))
    optuna.create_study(storage=storage, study_name="study", direction="maximize")
    assert Study.open(database, "study", specification=SPECIFICATION).specification == SPECIFICATION
    foreign = optuna.create_study(storage=storage, study_name="foreign", direction="maximize")
    foreign.ask()
    with pytest.raises(ValueError, match="task must be nothing as in the stored study 'foreign'"):
        Study.open(database, "foreign", specification=SPECIFICATION)
    assert Study.open(database, "foreign").specification == {}
    storage.engine.dispose()


def test_the_largest_total_is_kept(opened: Callable[..., Study]) -> None:
    one, other = opened(), opened()
    assert one.total() is None
    for worker, total in ((one, 9), (other, 64), (one, 10), (other, 9)):
        worker.set_total(total)
    assert (one.total(), other.total()) == (64, 64)


@EVERY_STORAGE
def test_results_are_kept_to_the_last_digit(opened: Callable[..., Study]) -> None:
    study = opened()
    trials = study.claim(3, 10, grid(10))
    assert [(trial.number, trial.state, trial.params) for trial in trials] == [
        (place, TrialState.RUNNING, point(place).params) for place in range(3)
    ]
    assert all(trial.distributions == SPACE for trial in trials)
    given = {"loss": 1 / 3, "steps": 7, "name": "ü\u2028\0", "nan": math.nan, "deep": {"list": [1, None, True]}}
    done = study.finish(trials[0], 0.1 + 0.2, True, given)
    assert done is not None
    assert (done.number, done.state, done.value, feasible(done)) == (0, TrialState.COMPLETE, 0.1 + 0.2, True)
    assert (metrics(done), done.params, done.distributions) == (given, trials[0].params, SPACE)
    assert study.finish(trials[1], -1e-300, False, {"diverged_at": 12})
    for reader in (study, opened()):
        first, second, third = reader.snapshot().trials
        assert (first.state, first.value, feasible(first)) == (TrialState.COMPLETE, 0.1 + 0.2, True)
        stored = metrics(first)
        assert math.isnan(stored.pop("nan"))
        assert stored | {"nan": 0} == given | {"nan": 0}
        assert (second.state, second.value, feasible(second)) == (TrialState.COMPLETE, -1e-300, False)
        assert metrics(second) == {"diverged_at": 12}
        assert (third.state, third.value, feasible(third), metrics(third)) == (TrialState.RUNNING, None, None, {})
        assert (third.params, failures(third)) == (point(2).params, ())
        assert counts(reader) == (2, 1, 0, 1)


def test_a_value_that_is_not_finite_is_refused(opened: Callable[..., Study]) -> None:
    study = opened()
    [trial] = study.claim(1, 1, grid(1))
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="value must be finite"):
            study.finish(trial, value, True, {})
    assert counts(study) == (0, 1, 0, 0)
    assert study.finish(trial, 0.0, False, {})


def test_metrics_that_json_cannot_hold_store_nothing(opened: Callable[..., Study]) -> None:
    study = opened()
    [trial] = study.claim(1, 1, grid(1))
    with pytest.raises(TypeError):
        study.finish(trial, 1.0, True, {"tensor": object()})
    assert counts(study) == (0, 1, 0, 0)
    assert study.finish(trial, 1.0, True, {})


@pytest.mark.parametrize(("goal", "order"), [("maximize", [4, 1, 3, 0]), ("minimize", [0, 1, 3, 4])])
def test_the_best_trials_are_feasible(database: str, goal: Any, order: list[int]) -> None:
    study = Study.open(database, "study", specification=SPECIFICATION, goal=goal)
    trials = study.claim(6, 6, grid(6))
    for trial, value in zip(trials, [1.0, 2.0, 9.0, 2.0, 3.0], strict=False):
        study.finish(trial, value, value < 9, {})
    snapshot = study.snapshot()
    assert numbers(snapshot.best(10)) == order
    assert numbers(snapshot.best(2)) == order[:2]


def test_a_snapshot_counts_the_trials_of_a_large_study() -> None:
    def trial(number: int) -> FrozenTrial:
        value = None if number % 100 == 0 else float(number % 977)
        state = TrialState.RUNNING if value is None else TrialState.COMPLETE
        attributes = {"worker": str(number % 7), "alive": time.time(), "feasible": number % 977 < 900}
        made = create_trial(state=state, value=value, user_attrs=attributes)
        made.number = number
        return made

    stored = [trial(number) for number in range(5_000)]
    snapshot = Snapshot(stored, "maximize")
    assert (len(snapshot.finished), len(snapshot.running), snapshot.stale) == (4_950, 50, [])
    assert [trial.value for trial in snapshot.best(3)] == [899.0] * 3
    assert (snapshot.remaining(5_010), snapshot.to_retry(5_010)) == (10, [])


def test_optuna_logs_nothing(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        study = Study.open(url, "study", specification=SPECIFICATION)
        trials = study.claim(2, 2, grid(2))
        with study.alive():
            study.finish(trials[0], 1.0, True, {})
        study.give_back(trials)
        assert places(study.claim(2, 2, grid(2))) == [1]
    assert heard == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((60, 60), "grace must be longer than the heartbeat of 60 seconds, got 60"),
        ((0, 60), "heartbeat must be a positive number, got 0"),
        ((1, 2, -1), "retry_seconds must be at least 0, got -1"),
    ],
)
def test_timing_out_of_range_is_refused(times: tuple[int, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Timing(*times)
