"""Retries of trials whose workers fail or die, and the storage calls of workers that wait."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from optuna.storages import GrpcStorageProxy, RDBStorage
from optuna.trial import FrozenTrial

from rnn_capacity.studies import Proposal, Study, failures, retries_exhausted
from rnn_capacity.studies.trial import NO_SIGN_OF_LIFE
from tests.studies.conftest import EVERY_STORAGE
from tests.studies.grid import counts, grid, places

Opened = Callable[..., Study]

QUICK = {"heartbeat": 0.3, "grace": 1.2}


def test_a_trial_on_which_two_workers_failed_is_run_alone_and_then_not_again(opened: Opened) -> None:
    study = opened()
    for reason in ("one", "two"):
        study.give_back(study.claim(3, 3, grid(3)), reason)
    study.give_back(study.claim(1, 4, grid(4)))  # told to stop
    assert [failures(trial) for trial in study.snapshot().trials] == [("one", "two")] * 3
    (first,) = opened().claim(3, 4, grid(4))
    assert places([first]) == [0]
    assert not retries_exhausted(first)
    last = opened()
    (second,) = last.claim(3, 4, grid(4))
    assert places([second]) == [1]
    last.give_back([second], "three")
    (third,) = opened().claim(3, 3, grid(4))
    assert places([third]) == [1]
    assert failures(third) == ("one", "two", "three")
    assert retries_exhausted(third)


def test_a_trial_in_its_last_retry_is_claimed_after_the_others(opened: Opened) -> None:
    study = opened()
    for _ in range(2):
        study.give_back(study.claim(1, 1, grid(1)), "error")
    others = opened()
    own = others.claim(1, 2, grid(2))
    assert places(own) == [0]
    more = study.claim(3, 4, grid(4))
    assert places(more) == [1, 2, 3]
    others.give_back(own)
    study.give_back(more)
    assert places(study.claim(4, 4, grid(4))) == [1, 2, 3]
    assert places(study.claim(4, 4, grid(4))) == [0]


def test_a_worker_without_heartbeats_counts_as_a_failure(opened: Opened) -> None:
    study, gone = opened(**QUICK), opened(**QUICK)
    gone.give_back(gone.claim(1, 1, grid(1)), "error")
    gone.claim(1, 1, grid(1))
    until = time.monotonic() + 20
    while not (taken := study.claim(1, 1, grid(1))):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [failures(trial) for trial in taken] == [("error", NO_SIGN_OF_LIFE)]


def test_claimed_trials_get_heartbeats_while_the_sampler_proposes(opened: Opened) -> None:
    study, other = opened(**QUICK), opened(**QUICK)
    study.give_back(study.claim(1, 1, grid(1)))

    def slowly(count: int, finished: list[FrozenTrial], pending: list[FrozenTrial], attempt: int) -> list[Proposal]:
        time.sleep(1.5)
        assert other.claim(1, 1, grid(9)) == []
        return grid(9)(count, finished, pending, attempt)

    trials = study.claim(2, 2, slowly)
    assert places(trials) == [0, 1]
    assert all(study.finish(trial, 1.0, True, {}) for trial in trials)


def test_a_worker_that_dies_after_storing_a_retry_loses_no_point(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, gone, study = opened(**QUICK), opened(**QUICK), opened(**QUICK)
    first.give_back(first.claim(2, 2, grid(2)), "error")

    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    for storage in (RDBStorage, GrpcStorageProxy):
        monkeypatch.setattr(storage, "set_trial_state_values", dies)
    with pytest.raises(Killed):
        gone.claim(2, 2, grid(2))
    monkeypatch.undo()
    assert counts(study) == (0, 2, 0, 0)
    assert study.claim(2, 2, grid(2)) == []
    time.sleep(QUICK["grace"])
    again = study.claim(2, 2, grid(2))
    while len(again) < 2:
        again += study.claim(2 - len(again), 2, grid(2))
    assert sorted(places(again)) == [0, 1]
    assert {failures(trial) for trial in again} == {("error", NO_SIGN_OF_LIFE)}
    assert counts(study) == (0, 2, 0, 0)
    assert all(study.finish(trial, 1.0, True, {}) for trial in again)
    assert counts(study) == (2, 0, 0, 0)


def test_a_duplicate_of_a_worker_that_dies_before_withdrawing_it_is_not_run(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, gone, study = opened(**QUICK), opened(**QUICK), opened(**QUICK)
    before = gone.snapshot()
    trials = first.claim(2, 4, grid(4))

    def dies(*_: object) -> None:
        raise SystemExit

    for storage in (RDBStorage, GrpcStorageProxy):
        monkeypatch.setattr(storage, "set_trial_state_values", dies)
    with pytest.raises(SystemExit):
        gone.claim(2, 4, grid(4), before)
    monkeypatch.undo()
    with first.alive():
        time.sleep(QUICK["grace"] + 0.1)
        assert study.claim(4, 4, grid(4)) == [], "a place that is kept for the dead one's duplicates is free again"
        more = study.claim(4, 4, grid(4))
    assert places(more) == [2, 3]
    assert all(worker.finish(trial, 1.0, True, {}) for worker, own in ((first, trials), (study, more)) for trial in own)
    assert counts(study) == (4, 0, 0, 0)


@EVERY_STORAGE
def test_a_result_wins_over_a_retry_stored_at_the_same_moment(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, study = opened(**QUICK), opened(**QUICK)
    [trial] = slow.claim(1, 1, grid(1))
    time.sleep(QUICK["grace"] + 0.1)
    finished = []
    for storage in (RDBStorage, GrpcStorageProxy):
        create = storage.create_new_trial

        def finish_then_create(*given: object, create: Callable[..., int] = create) -> int:
            monkeypatch.undo()
            finished.append(slow.finish(trial, 5.0, True, {}))
            return create(*given)

        monkeypatch.setattr(storage, "create_new_trial", finish_then_create)
    assert study.claim(1, 1, grid(1)) == []
    assert finished[0] is not None
    assert counts(study) == (1, 0, 0, 0)
    assert [trial.value for trial in opened().snapshot().trials] == [5.0]


def test_a_worker_that_waits_for_others_writes_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    study, other = opened(), opened()
    study.claim(2, 2, grid(9))

    def write(*_: object) -> None:
        raise AssertionError

    for storage in (RDBStorage, GrpcStorageProxy):
        for name in ("create_new_trial", "set_trial_state_values", "set_trial_user_attr", "set_study_user_attr"):
            monkeypatch.setattr(storage, name, write)
    assert other.claim(2, 2, grid(9)) == []
