"""Worker processes divide the trials of a study, also if one of them is killed or suspended."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain

import pytest
from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies import Study, metrics, study_names
from tests.studies.conftest import Server, serve
from tests.studies.grid import counts, grid, numbers, places, point
from tests.studies.processes import started


def assert_workers_divide_the_trials(url: str, workers: int, total: int) -> None:
    with started(workers, url, "--total", total, "--batch", 8) as processes:
        assert [process.end() for process in processes] == [0] * workers
    claimed = [set(process.numbers("claimed")) for process in processes]
    finished = [process.numbers("finished") for process in processes]
    assert all(claimed), "each got some"
    assert [set(found) for found in finished] == claimed
    study = Study.open(url, "study")
    trials = study.snapshot().trials
    assert sorted(chain(*finished)) == numbers(trials)
    assert Counter(places(trials)) == Counter(range(total))
    assert all(metrics(trial)["place"] == trial.params["place"] for trial in trials)
    assert counts(study) == (total, 0, 0, 0)
    assert study_names(url) == ["study"]


def test_workers_create_the_storage_at_the_same_time_and_divide_the_trials(empty_database: str) -> None:
    assert_workers_divide_the_trials(empty_database, 3, 60)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_workers_of_a_grpc_server_divide_the_trials(kind: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue("server")
    database = server.fresh() if kind == "postgresql" else f"sqlite:///{request.getfixturevalue('tmp_path')}/study.db"
    assert_workers_divide_the_trials(serve(database), 2, 60)


QUICK = {"heartbeat": 0.3, "grace": 4.0}
OPTIONS = ("--heartbeat", 0.3, "--grace", 4.0, "--total", 10, "--batch", 10, "--stop", 3)


def claim_dead(study: Study, count: int, total: int = 10) -> tuple[float, list[FrozenTrial]]:
    """Claim a number of trials of dead workers, and return the seconds that it took."""
    claimed: list[FrozenTrial] = []
    begin = time.monotonic()
    while len(claimed) < count:
        claimed += study.claim(count, total, grid(total))
        time.sleep(0.1)
        if time.monotonic() - begin > 20:
            raise TimeoutError(f"{len(claimed)} of {count} trials")
    return time.monotonic() - begin, claimed


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_trials_of_a_killed_worker_are_run_again(url: str, opened: Callable[..., Study]) -> None:
    study = opened(**QUICK)
    with started(1, url, *OPTIONS) as [victim]:
        victim.until("waits")
        time.sleep(4.5)
        assert study.claim(10, 10, grid(10)) == [], "as long as it lives it keeps them"
        assert counts(study) == (3, 7, 0, 0)
        victim.signal(signal.SIGKILL)
        seconds, again = claim_dead(study, 7)
        assert seconds > 2.5
    snapshot = study.snapshot()
    assert counts(study) == (3, 7, 0, 0)
    assert numbers(snapshot.running) == numbers(again) == list(range(10, 17)), "the old ones do not count"
    assert sorted(places(snapshot.trials)) == list(range(10))
    assert all((t.params, t.distributions) == point(t.params["place"]) for t in snapshot.trials)
    with study.alive():
        assert all(study.finish(trial, 2.0, True, {}) for trial in again)
    assert sorted(trial.value or 0 for trial in study.snapshot().trials) == [1.0] * 3 + [2.0] * 7


@pytest.mark.parametrize("url", ["postgresql", "grpc-sqlite"], indirect=True)
def test_a_suspended_worker_whose_trials_were_taken_over_stores_no_result(
    url: str, opened: Callable[..., Study]
) -> None:
    study, gone = opened(**QUICK), opened(**QUICK)
    with started(1, url, *OPTIONS) as [victim]:
        victim.until("waits")
        victim.signal(signal.SIGSTOP)
        assert len(gone.claim(2, 12, grid(12))) == 2, "one that dies before it gives a sign of life"
        _, again = claim_dead(study, 9, 12)
        with study.alive():
            assert all(study.finish(trial, 2.0, True, {}) for trial in again[:3])
            victim.signal(signal.SIGCONT)
            for _ in range(7):
                victim.go()
            assert victim.end() == 0
        assert all(study.finish(trial, 2.0, True, {}) for trial in again[3:])
    assert len(victim.numbers("finished")) == 3
    assert len(victim.numbers("lost")) == 7
    trials = study.snapshot().trials
    assert sorted(places(trials)) == list(range(12))
    assert sorted(trial.value or 0 for trial in trials) == [1.0] * 3 + [2.0] * 9
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
