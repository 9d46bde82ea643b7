"""How often a trial is run again whose workers end with it, and what a claim costs those that wait."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rnn_capacity.studies import Proposal, StoredTrial, Study
from rnn_capacity.studies.record import SILENT
from rnn_capacity.studies.storage import Storage
from tests.studies.grid import grid

Opened = Callable[..., Study]


def numbers(trials: list[StoredTrial]) -> list[int]:
    return [trial.number for trial in trials]


def test_a_trial_that_ended_two_workers_is_run_alone_and_then_given_up(opened: Opened) -> None:
    study = opened()
    for reason in ("one", "two"):
        study.give_back(study.claim(3, 3, grid(3)), reason)
    study.give_back(study.claim(1, 4, grid(4)))  # told to stop
    assert [trial.failures for trial in study.trials()] == [("one", "two")] * 3
    (first,) = opened().claim(3, 4, grid(4))
    assert first.number == 0
    assert not first.hopeless
    last = opened()
    (second,) = last.claim(3, 4, grid(4))
    last.give_back([second], "three")
    assert numbers(opened().claim(3, 3, grid(4))) == [1]
    hopeless = study.trials()[1]
    assert hopeless.failures == ("one", "two", "three")
    assert hopeless.hopeless


def test_what_is_not_in_its_last_try_comes_first(opened: Opened) -> None:
    study = opened()
    for _ in range(2):
        study.give_back(study.claim(1, 1, grid(1)), "error")
    others = opened()
    own = others.claim(1, 2, grid(2))
    assert numbers(own) == [0]
    more = study.claim(3, 4, grid(4))
    assert numbers(more) == [1, 2, 3]
    others.give_back(own)
    study.give_back(more)
    assert numbers(study.claim(4, 4, grid(4))) == [1, 2, 3]
    assert numbers(study.claim(4, 4, grid(4))) == [0]


def test_a_worker_that_falls_silent_has_failed(opened: Opened) -> None:
    study, gone = opened(heartbeat=1, grace=2), opened(heartbeat=1, grace=2)
    gone.give_back(gone.claim(1, 1, grid(1)), "error")
    gone.claim(1, 1, grid(1))
    until = time.monotonic() + 20
    while not (taken := study.claim(1, 1, grid(1))):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [trial.failures for trial in taken] == [("error", SILENT)]


def test_what_was_taken_stays_alive_while_the_tuner_thinks(opened: Opened) -> None:
    study, other = opened(heartbeat=1, grace=2), opened(heartbeat=1, grace=2)
    study.give_back(study.claim(1, 1, grid(1)))

    def slowly(number: int, finished: list[StoredTrial], pending: list[StoredTrial]) -> list[Proposal]:
        time.sleep(4)
        assert other.claim(1, 1, grid(9)) == []
        return grid(9)(number, finished, pending)

    trials = study.claim(2, 2, slowly)
    assert numbers(trials) == [0, 1]
    assert all(study.finish(trial, 1.0, True, {}) for trial in trials)


def test_whoever_waits_locks_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    study, other = opened(), opened()
    study.claim(2, 2, grid(9))

    def write(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Storage, "write", write)
    assert other.claim(2, 2, grid(9)) == []
