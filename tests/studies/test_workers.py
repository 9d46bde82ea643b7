"""Workers in processes of their own divide the trials of a study, whatever happens to one of them."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain

import pytest

from rnn_capacity.studies import Study, study_names
from tests.studies.grid import grid, point
from tests.studies.processes import started


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_make_the_storage_at_the_same_time_and_divide_the_trials(
    url: str, opened: Callable[..., Study], workers: int
) -> None:
    with started(workers, url, "--total", 200, "--batch", 8) as processes:
        assert [process.end() for process in processes] == [0] * workers
    claimed = [set(process.numbers("claimed")) for process in processes]
    finished = [process.numbers("finished") for process in processes]
    assert all(claimed), "each got some"
    assert sorted(chain(*finished)) == list(range(200))
    assert [set(numbers) for numbers in finished] == claimed
    trials = opened().trials()
    assert Counter(trial.params["place"] for trial in trials) == Counter(range(200))
    assert all(trial.figures["place"] == trial.params["place"] for trial in trials)
    assert opened().counts() == (200, 0, 0, 0)
    assert study_names(url) == ["study"]


QUICK = ("--heartbeat", 1, "--grace", 2)


def claim_dead(study: Study, number: int, total: int = 10) -> tuple[float, set[int]]:
    """Claim until so many trials are there, and how long that took."""
    claimed: set[int] = set()
    begin = time.monotonic()
    while len(claimed) < number:
        claimed |= {trial.number for trial in study.claim(number, total, grid(total))}
        time.sleep(0.1)
        if time.monotonic() - begin > 10:
            raise TimeoutError(f"{len(claimed)} of {number} trials")
    return time.monotonic() - begin, claimed


def test_trials_of_a_killed_worker_are_run_again(url: str, opened: Callable[..., Study]) -> None:
    study = opened(heartbeat=1, grace=2)
    with started(1, url, "--total", 10, "--batch", 10, "--stop", 3, *QUICK) as [victim]:
        victim.until("waits")
        time.sleep(2.5)
        assert study.claim(10, 10, grid(10)) == [], "as long as it lives it keeps them"
        assert study.counts() == (3, 7, 0, 0)
        victim.signal(signal.SIGKILL)
        seconds, again = claim_dead(study, 7)
        assert seconds > 1
    trials = study.trials()
    assert study.counts() == (3, 7, 0, 0)
    assert {trial.number for trial in trials if trial.state == "running"} == again
    assert again == set(range(10, 17)), "the old ones do not count"
    assert sorted(trial.params["place"] for trial in trials) == list(range(10))
    assert all((trial.params, trial.distributions) == point(trial.params["place"]) for trial in trials)
    assert [study.finish(trial, 2.0, True, {}) for trial in trials if trial.number in again] == [True] * 7
    assert sorted(trial.value or 0 for trial in study.trials()) == [1.0] * 3 + [2.0] * 7


def test_a_worker_taken_for_dead_that_goes_on_stores_nothing(url: str, opened: Callable[..., Study]) -> None:
    study, gone = opened(heartbeat=1, grace=2), opened(heartbeat=1, grace=2)
    with started(1, url, "--total", 10, "--batch", 10, "--stop", 3, *QUICK) as [victim]:
        victim.until("waits")
        victim.signal(signal.SIGSTOP)
        assert len(gone.claim(2, 12, grid(12))) == 2, "one that dies before it gives a sign of life"
        _, again = claim_dead(study, 9, 12)
        trials = {trial.number: trial for trial in study.trials() if trial.number in again}
        before = [study.finish(trials.pop(min(trials)), 2.0, True, {}) for _ in range(3)]
        victim.signal(signal.SIGCONT)
        for _ in range(7):
            victim.go()
        with study.alive(trials.values()):
            assert victim.end() == 0
        after = [study.finish(trial, 2.0, True, {}) for trial in trials.values()]
    assert len(victim.numbers("finished")) == 3
    assert len(victim.numbers("lost")) == 7
    assert before + after == [True] * 9
    stored = study.trials()
    assert sorted(trial.params["place"] for trial in stored) == list(range(12))
    assert sorted(trial.value or 0 for trial in stored) == [1.0] * 3 + [2.0] * 9
    assert study.counts() == (12, 0, 0, 0)
