"""Connections lost after the database has stored a write and before the worker receives the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from optuna.storages import RDBStorage
from sqlalchemy.exc import OperationalError

from rnn_capacity.studies import StorageError, Study
from tests.studies.grid import counts, grid, places

Opened = Callable[..., Study]


@pytest.fixture
def url(database: str) -> str:
    """The storages in which answers get lost are databases."""
    return database


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Once called, every write is stored, but at first the connection is lost before the worker hears of it."""

    def lossy(name: str, write: Callable[..., Any], lost: list[str]) -> Callable[..., Any]:
        def write_and_lose(*given: Any) -> Any:
            answer = write(*given)
            lost.append(name)
            if lost.count(name) % 2:
                raise OperationalError("COMMIT", {}, Exception("connection lost"), connection_invalidated=True)
            return answer

        return write_and_lose

    def lose() -> list[str]:
        lost: list[str] = []
        for name in ("create_new_trial", "set_trial_state_values", "set_trial_user_attr"):
            monkeypatch.setattr(RDBStorage, name, lossy(name, getattr(RDBStorage, name), lost))
        return lost

    return lose


def test_a_lost_answer_changes_no_result(opened: Opened, lose: Callable[[], list[str]]) -> None:
    study = opened()
    lost = lose()
    trials = study.claim(8, 100, grid(100))
    assert places(trials) == list(range(8))
    assert counts(study) == (0, 8, 0, 0)
    assert all(study.finish(trial, 1.0, True, {}) for trial in trials[:3])
    assert counts(study) == (3, 5, 0, 0)
    study.give_back(trials)
    assert counts(study) == (3, 0, 5, 0)
    assert places(study.claim(4, 100, grid(100))) == [3, 4, 5, 6]
    assert counts(study) == (3, 4, 1, 0)
    assert len(lost) > 50


def test_a_returned_trial_takes_no_result_when_the_answer_was_lost(
    opened: Opened, lose: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, other = opened(retry_seconds=0), opened()
    trials = study.claim(3, 3, grid(3))
    lose()
    with pytest.raises(StorageError, match="connection lost"):
        study.give_back(trials)
    monkeypatch.undo()
    [taken] = other.claim(3, 3, grid(3))
    assert places([taken]) == [0]
    assert not study.finish(trials[0], 9.0, True, {})
    study.give_back(trials)
    assert counts(study) == (0, 1, 2, 0)
    assert other.finish(taken, 1.0, True, {})
    assert not study.finish(trials[0], 9.0, True, {})
    assert sorted((trial.params["place"], trial.value) for trial in study.snapshot().trials) == [
        (0, 1.0),
        (1, None),
        (2, None),
    ]
