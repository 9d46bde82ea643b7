"""Claims of trials by several workers, and trials that are given back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from itertools import chain

import pytest
from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies import Proposal, Study
from tests.studies.conftest import EVERY_STORAGE
from tests.studies.grid import counts, grid, numbers, places, point

Opened = Callable[..., Study]


def test_no_more_trials_than_the_total_are_claimed(opened: Opened) -> None:
    study, other = opened(), opened()
    assert places(study.claim(4, 10, grid(100))) == [0, 1, 2, 3]
    assert places(other.claim(4, 10, grid(100))) == [4, 5, 6, 7]
    assert places(study.claim(4, 10, grid(100))) == [8, 9]
    assert other.claim(4, 10, grid(100)) == []
    assert other.claim(0, 100, grid(100)) == []
    assert counts(study) == (0, 10, 0, 0)
    assert places(study.claim(40, 11, grid(100))) == [10], "a larger total goes on"


def test_a_sampler_may_propose_fewer_trials_than_asked_for(opened: Opened) -> None:
    study = opened()
    assert places(study.claim(8, 100, grid(5))) == [0, 1, 2, 3, 4]
    assert study.claim(8, 100, grid(5)) == []


def test_the_sampler_gets_the_finished_and_the_pending_trials(opened: Opened) -> None:
    study = opened()
    calls: list[tuple[int, list[int], list[int]]] = []

    def propose(count: int, finished: list[FrozenTrial], pending: list[FrozenTrial], attempt: int) -> list[Proposal]:
        calls.append((count, places(finished), sorted(places(pending))))
        return grid(100)(count, finished, pending, attempt)

    trials = study.claim(3, 100, propose)
    study.finish(trials[1], 1.0, True, {})
    study.give_back(trials[2:])
    assert places(study.claim(4, 6, propose)) == [2, 3, 4, 5]
    assert calls == [(3, [], []), (3, [1], [0, 2])]


@EVERY_STORAGE
def test_only_one_of_several_workers_runs_a_point_that_all_propose_at_once(opened: Opened) -> None:
    """Three workers see the empty study and propose the same before any of them stores."""
    barrier = threading.Barrier(3)
    claimed: list[list[int]] = []
    calls: Counter[int] = Counter()

    def work() -> None:
        study, first = opened(), True

        def propose(
            count: int, finished: list[FrozenTrial], pending: list[FrozenTrial], attempt: int
        ) -> list[Proposal]:
            nonlocal first
            calls[threading.get_ident()] += 1
            if first:
                first = False
                barrier.wait(timeout=20)
            return grid(30)(count, finished, pending, attempt)

        claimed.append(places(study.claim(12, 30, propose)))
        while study.snapshot().remaining(30):  # others' withdrawn proposals took the place for a moment
            claimed.append(places(study.claim(12, 30, propose)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chain(*claimed)) == list(range(30))
    assert all(len(trials) <= 12 for trials in claimed)
    assert counts(opened()) == (0, 30, 0, 0)
    assert max(calls.values()) <= 10


@EVERY_STORAGE
def test_workers_divide_returned_trials_that_they_claim_at_once(opened: Opened) -> None:
    study = opened()
    study.give_back(study.claim(12, 12, grid(12)))
    barrier = threading.Barrier(3)
    claimed: list[int] = []

    def work() -> None:
        own = opened()
        snapshot = own.snapshot()
        barrier.wait(timeout=20)
        trials = own.claim(8, 12, grid(12), snapshot)
        while own.snapshot().waiting:
            trials += own.claim(8, 12, grid(12))
        claimed.extend(places(trials))
        assert all(own.finish(trial, 1.0, True, {}) for trial in trials)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(12))
    assert counts(study) == (12, 0, 0, 0)


def test_the_same_point_may_be_run_twice_on_purpose(opened: Opened) -> None:
    study = opened()
    assert len(study.claim(4, 10, lambda count, *_: [point(7)] * count)) == 4
    assert len(opened().claim(4, 10, lambda count, *_: [point(7)] * count)) == 4


@EVERY_STORAGE
def test_returned_trials_are_claimed_before_new_ones(opened: Opened) -> None:
    study, other = opened(), opened()
    trials = study.claim(5, 5, grid(5))
    assert study.finish(trials[0], 1.0, True, {})
    study.give_back(trials)
    assert counts(study) == (1, 0, 4, 0)
    assert [trial.state for trial in study.snapshot().trials] == [TrialState.COMPLETE] + [TrialState.WAITING] * 4
    assert not study.finish(trials[1], 5.0, True, {}), "it is no longer ours"
    again = other.claim(3, 5, grid(5))
    assert [trial.params for trial in again] == [trial.params for trial in trials[1:4]]
    assert numbers(again) == [5, 6, 7], "a retry is a trial of its own"
    assert not study.finish(trials[1], 5.0, True, {})
    study.give_back(trials)
    assert counts(study) == (1, 3, 1, 0), "what another one has is not given back"
    assert places(study.claim(3, 5, grid(5))) == [4]
    assert all(other.finish(trial, 2.0, True, {}) for trial in again)
    assert [(t.params["place"], t.value) for t in study.snapshot().trials] == [
        (0, 1.0),
        (1, 2.0),
        (2, 2.0),
        (3, 2.0),
        (4, None),
    ]


def test_a_smaller_total_leaves_waiting_trials_unclaimed(opened: Opened) -> None:
    study = opened()
    study.give_back(study.claim(5, 5, grid(5)))
    assert len(study.claim(5, 2, grid(5))) == 2
    assert counts(study) == (0, 2, 3, 0)
    assert study.claim(5, 2, grid(5)) == []


def test_finished_trials_count_towards_a_smaller_total(opened: Opened) -> None:
    study = opened()
    trials = study.claim(5, 5, grid(5))
    assert study.finish(trials[4], 1.0, True, {})
    study.give_back(trials)
    assert places(study.claim(5, 2, grid(5))) == [0]


def test_an_old_snapshot_takes_no_trial_from_its_worker(opened: Opened) -> None:
    study = opened()
    before = study.snapshot()
    first = study.claim(2, 4, grid(4), before)
    study.give_back(first[1:])
    assert len(study.claim(2, 4, grid(4), before)) == 2
    assert counts(study) == (0, 3, 1, 0)
    assert study.finish(first[0], 1.0, True, {})


def test_a_sampler_that_fails_claims_nothing(opened: Opened) -> None:
    study = opened()
    study.give_back(study.claim(2, 5, grid(5)))

    def propose(*_: object) -> list[Proposal]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.claim(5, 5, propose)
    assert counts(study) == (0, 0, 2, 0)


def test_a_result_is_stored_once(opened: Opened) -> None:
    study = opened()
    [trial] = study.claim(1, 1, grid(1))
    assert study.finish(trial, 1.0, True, {"run": 1})
    assert not study.finish(trial, 2.0, False, {"run": 2})
    [stored] = study.snapshot().trials
    assert (stored.value, stored.user_attrs["feasible"], stored.user_attrs["metrics"]) == (1.0, True, {"run": 1})
    assert not opened().finish(trial, 2.0, False, {}), "it is another worker's"
