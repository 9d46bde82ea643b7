"""What a worker may claim, with others about, when it gives back, and when an answer of the storage gets lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

import pytest
from sqlalchemy.exc import OperationalError

from rnn_capacity.studies import Proposal, StorageError, StoredTrial, Study
from rnn_capacity.studies.storage import Storage
from tests.studies.grid import grid, point

Opened = Callable[..., Study]


def places(trials: list[StoredTrial]) -> list[int]:
    return [trial.params["place"] for trial in trials]


def test_no_more_than_the_total(opened: Opened) -> None:
    study, other = opened(), opened()
    assert places(study.claim(4, 10, grid(100))) == [0, 1, 2, 3]
    assert places(other.claim(4, 10, grid(100))) == [4, 5, 6, 7]
    assert places(study.claim(4, 10, grid(100))) == [8, 9]
    assert other.claim(4, 10, grid(100)) == []
    assert other.claim(0, 100, grid(100)) == []
    assert study.counts() == (0, 10, 0, 0)
    assert places(study.claim(40, 11, grid(100))) == [10], "a larger total goes on"


def test_proposals_may_end(opened: Opened) -> None:
    study = opened()
    assert places(study.claim(8, 100, grid(5))) == [0, 1, 2, 3, 4]
    assert study.claim(8, 100, grid(5)) == []


def test_a_proposal_sees_what_is_finished_and_what_is_pending(opened: Opened) -> None:
    study = opened()
    calls: list[tuple[int, list[int], list[int]]] = []

    def propose(number: int, finished: list[StoredTrial], pending: list[StoredTrial]) -> list[Proposal]:
        calls.append((number, places(finished), places(pending)))
        return grid(100)(number, finished, pending)

    trials = study.claim(3, 100, propose)
    study.finish(trials[1], 1.0, True, {})
    study.give_back(trials[2:])
    assert places(study.claim(4, 6, propose)) == [2, 3, 4, 5]
    assert calls == [(3, [], []), (3, [1], [0, 2])]


def test_workers_that_propose_the_same_at_the_same_time_share_it(opened: Opened) -> None:
    """Three workers see the empty study and propose the same before any of them stores."""
    barrier = threading.Barrier(3)
    claimed: list[list[int]] = []
    calls: Counter[int] = Counter()

    def work() -> None:
        study, first = opened(), True

        def propose(number: int, finished: list[StoredTrial], pending: list[StoredTrial]) -> list[Proposal]:
            nonlocal first
            calls[threading.get_ident()] += 1
            if first:
                first = False
                barrier.wait(timeout=20)
            return grid(100)(number, finished, pending)

        claimed.append(places(study.claim(20, 50, propose)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chain(*claimed)) == list(range(50))
    assert all(0 < len(trials) <= 20 for trials in claimed)
    assert max(calls.values()) <= 4


def test_the_same_point_may_be_run_twice_on_purpose(opened: Opened) -> None:
    study = opened()
    assert len(study.claim(4, 10, lambda number, *_: [point(7)] * number)) == 4
    assert len(opened().claim(4, 10, lambda number, *_: [point(7)] * number)) == 4


def test_what_is_given_back_is_claimed_first(opened: Opened) -> None:
    study, other = opened(), opened()
    trials = study.claim(5, 5, grid(5))
    assert study.finish(trials[0], 1.0, True, {})
    study.give_back(trials)
    assert study.counts() == (1, 0, 4, 0)
    assert [trial.state for trial in study.trials()] == ["finished"] + ["waiting"] * 4
    assert not study.finish(trials[1], 5.0, True, {}), "it is no longer ours"
    again = other.claim(3, 5, grid(5))
    assert [trial.number for trial in again] == [1, 2, 3]
    assert [trial.params for trial in again] == [trial.params for trial in trials[1:4]]
    assert not study.finish(trials[1], 5.0, True, {})
    study.give_back(trials)
    assert study.counts() == (1, 3, 1, 0), "what another one has is not given back"
    assert [trial.number for trial in study.claim(3, 5, grid(5))] == [4]
    assert all(other.finish(trial, 2.0, True, {}) for trial in again)
    assert [trial.value for trial in study.trials()] == [1.0, 2.0, 2.0, 2.0, None]


def test_a_smaller_total_leaves_what_waits(opened: Opened) -> None:
    study = opened()
    study.give_back(study.claim(5, 5, grid(5)))
    assert len(study.claim(5, 2, grid(5))) == 2
    assert study.counts() == (0, 2, 3, 0)


def test_a_tuner_that_fails_claims_nothing(opened: Opened) -> None:
    study = opened()
    study.give_back(study.claim(2, 5, grid(5)))

    def propose(*_: object) -> list[Proposal]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.claim(5, 5, propose)
    assert study.counts() == (0, 0, 2, 0)


def test_a_result_is_stored_once(opened: Opened) -> None:
    study = opened()
    [trial] = study.claim(1, 1, grid(1))
    assert study.finish(trial, 1.0, True, {"run": 1})
    assert not study.finish(trial, 2.0, False, {"run": 2})
    assert [(trial.value, trial.feasible, trial.figures) for trial in study.trials()] == [(1.0, True, {"run": 1})]
    assert not opened().finish(trial, 2.0, False, {}), "it is another worker's"


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Once called, what is written is stored, but at first the connection is lost before the worker hears of it."""
    write, transaction = Storage.write, Storage._transaction
    first, lost = [False], list[str]()

    def writes_first(self: Storage, work: Callable[[], object]) -> object:
        first[0] = True
        return write(self, work)

    @contextmanager
    def loses(self: Storage, writes: bool) -> Iterator[None]:
        with transaction(self, writes):
            yield
        if writes and first[0]:
            first[0] = False
            lost.append(self.name)
            raise OperationalError("COMMIT", {}, Exception("connection lost"), connection_invalidated=True)

    def lose() -> list[str]:
        monkeypatch.setattr(Storage, "write", writes_first)
        monkeypatch.setattr(Storage, "_transaction", loses)
        return lost

    return lose


def test_an_answer_that_gets_lost_changes_nothing(opened: Opened, lose: Callable[[], list[str]]) -> None:
    lost = lose()
    study = opened()
    trials = study.claim(20, 100, grid(100))
    assert places(trials) == list(range(20))
    assert study.counts() == (0, 20, 0, 0)
    assert all(study.finish(trial, 1.0, True, {}) for trial in trials[:3])
    assert study.counts() == (3, 17, 0, 0)
    study.give_back(trials)
    assert study.counts() == (3, 0, 17, 0)
    assert places(study.claim(5, 100, grid(100))) == [3, 4, 5, 6, 7]
    assert study.counts() == (3, 5, 12, 0)
    assert len(lost) == 9


def test_a_worker_that_never_heard_that_it_gave_back_stores_nothing(
    opened: Opened, lose: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, other = opened(patience=0), opened()
    trials = study.claim(3, 3, grid(3))
    lose()
    with pytest.raises(StorageError, match="connection lost"):
        study.give_back(trials)
    monkeypatch.undo()
    assert len(other.claim(2, 3, grid(3))) == 2
    assert not study.finish(trials[0], 9.0, True, {})
    study.give_back(trials)
    assert study.counts() == (0, 2, 1, 0)
    assert all(other.finish(trial, 1.0, True, {}) for trial in other.trials()[:2])
    assert not study.finish(trials[0], 9.0, True, {})
    assert [trial.value for trial in study.trials()] == [1.0, 1.0, None]
