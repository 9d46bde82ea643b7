"""Searches that are interrupted, killed, or run side by side."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState
from pytorch_lightning.utilities.exceptions import SIGTERMException

from rnn_capacity.cli import main
from rnn_capacity.studies import StorageError, Study, failures, metrics
from rnn_capacity.studies.trial import NO_SIGN_OF_LIFE
from tests.kernel_builds import kernel_build
from tests.search.toy_search import PARAMETERS, PATIENCE, Started, ToySearch
from tests.studies.grid import counts

LONG = ("--trainer.max_steps=800",)
"""Long enough for a search to be caught in the middle of a population."""

Start = Callable[..., Started]


@pytest.fixture(autouse=True)
def torch_path() -> Iterator[None]:
    """Train without the compiled kernel, which would end before a search can be caught in the middle."""
    with kernel_build("off"):
        yield


def finished(searching: ToySearch) -> list[FrozenTrial]:
    return searching.study().snapshot().finished


def numbers(trials: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in trials]


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Callable[[], bool], Callable[[], object]], None]]:
    """A function that does something beside the test, once a condition holds."""
    threads: list[threading.Thread] = []

    def meanwhile(condition: Callable[[], bool], action: Callable[[], object]) -> None:
        def watch() -> None:
            until = time.monotonic() + PATIENCE
            while not condition() and time.monotonic() < until:
                time.sleep(0.05)
            action()

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield meanwhile
    for thread in threads:
        thread.join()


def assert_given_back(searching: ToySearch, said: str) -> None:
    """Nothing runs, what ran waits, and a line says how to go on."""
    snapshot = searching.study().snapshot()
    assert snapshot.running == []
    assert snapshot.waiting
    assert "Traceback" not in said
    assert f"{len(snapshot.finished)} of 30 trials are finished; go on: rnn-capacity search --resume" in said


def test_a_stopped_search_loses_no_trial(
    searching: ToySearch,
    meanwhile: Callable[[Callable[[], bool], Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin = searching.options("--population=2", "--trials=30", *LONG)
    again = ["--resume", *searching.again("--population=2", "--trials=30")]
    before: list[FrozenTrial] = []
    for name, code, options in (("SIGINT", 130, begin), ("SIGTERM", 143, again), ("SIGUSR1", 75, again)):
        number = signal.Signals[name]
        meanwhile(
            searching.running_after(len(before) + 1, running=2), lambda number=number: os.kill(os.getpid(), number)
        )
        with pytest.raises(SystemExit) as stop:
            main(["search", *options])
        assert stop.value.code == code
        assert_given_back(searching, capsys.readouterr().err)
        now = finished(searching)
        assert len(now) > len(before)
        assert [trial for trial in now if trial.number in numbers(before)] == before
        before = now
    total = len(before) + 1
    main(["search", "--resume", *searching.again(f"--trials={total}", "--population=2")])
    assert [trial for trial in finished(searching) if trial.number in numbers(before)] == before
    assert len(searching.study().snapshot().finished) == total


def test_networks_that_fit_trains_are_stopped_during_training(
    searching: ToySearch,
    meanwhile: Callable[[Callable[[], bool], Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    meanwhile(searching.running_after(0), lambda: os.kill(os.getpid(), signal.SIGINT))
    endless = ["--model.recurrent_dropout=0.1", "--trainer.max_steps=50000", "--population=2", "--trials=30"]
    with pytest.raises(SystemExit) as stop:
        main(["search", *searching.options(*endless)])
    assert stop.value.code == 130
    assert_given_back(searching, capsys.readouterr().err)
    assert finished(searching) == []


def test_a_signal_handled_by_lightning_stops_a_search_too(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise SIGTERMException

    monkeypatch.setattr("rnn_capacity.search.run.study_runner.train", train)
    with pytest.raises(SystemExit) as stop:
        main(["search", *searching.options("--trials=30")])
    assert stop.value.code == 143
    assert_given_back(searching, capsys.readouterr().err)


def test_two_stopped_workers_lose_no_trial(searching: ToySearch, start: Start) -> None:
    search = start(searching.options("--population=2", "--trials=30", *LONG, "--trainer.devices=2"))
    search.wait_until(searching.running_after(1, running=4))
    os.kill(search.pid, signal.SIGINT)
    assert search.wait() == 130
    assert_given_back(searching, search.said())


def test_a_second_ctrl_c_ends_the_search_at_once(searching: ToySearch, start: Start) -> None:
    options = ["--population=2", "--trials=30", "--trainer.max_steps=20000", "--trainer.devices=2"]
    search = start(searching.options(*options))
    search.wait_until(searching.running_after(0, running=4))
    workers = search.workers()
    assert len(workers) == 2
    for worker in workers:  # they can hear nothing, so that all depends on the second signal
        os.kill(worker, signal.SIGSTOP)
    os.kill(search.pid, signal.SIGINT)
    time.sleep(0.2)
    assert search.code() is None
    os.kill(search.pid, signal.SIGINT)
    assert search.wait() == 130
    wait_for_the_end_of(workers)


def wait_for_the_end_of(workers: list[int]) -> None:
    """Wait until none of the processes runs; one that nobody looks after may stay as a name."""
    until = time.monotonic() + PATIENCE
    while any(runs(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.05)


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_workers_end_with_their_parent(searching: ToySearch, start: Start) -> None:
    parent = start(searching.options("--population=2", "--trials=50", *LONG, "--trainer.devices=2"))
    parent.wait_until(searching.running_after(0, running=4))
    workers = parent.workers()
    parent.kill()
    wait_for_the_end_of(workers)
    snapshot = searching.study().snapshot()
    assert snapshot.running == []
    assert snapshot.waiting


@pytest.mark.parametrize("devices", [1, 2])
def test_workers_divide_the_trials(devices: int, searching: ToySearch, start: Start) -> None:
    options = searching.options("--population=3", "--trials=18", "--trainer.max_steps=200")
    first = start([*options, f"--trainer.devices={devices}"])
    searches = [first]
    if devices == 1:  # two commands instead of one with two devices
        first.wait_until(searching.running_after(0))
        searches.append(start(options))
    for search in searches:
        assert search.wait() == 0, search.said()
        assert "18 trials" in search.said()
    trials = searching.study().snapshot().trials
    assert len(trials) == 18
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert len({json.dumps(trial.params) for trial in trials}) == 18


def test_another_worker_takes_over_the_trials_of_a_killed_one(
    database: str, searching: ToySearch, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNN_CAPACITY_HEARTBEAT", "1,2")
    searching.storage = database
    steps = {"trainer.max_steps": {"distribution": "int_uniform", "min": 20, "max": 1000}}
    options = searching.options("--population=4", "--trials=12", parameters={**PARAMETERS, **steps})
    killed = start(options)
    killed.wait_until(searching.running_after(0, running=4))
    other = start(options)
    killed.wait_until(searching.running_after(2, running=5))
    killed.kill()
    before = finished(searching)
    assert other.wait() == 0, other.said()
    trials = searching.study().snapshot().trials
    assert counts(searching.study()) == (12, 0, 0, 0)
    assert [trial for trial in trials if trial.number in numbers(before)] == before
    assert len({json.dumps(trial.params) for trial in trials}) == 12
    assert {metrics(trial)["steps"] - trial.params["trainer.max_steps"] for trial in trials} == {0}
    again = [trial for trial in trials if failures(trial)]
    assert {failures(trial) for trial in again} == {(NO_SIGN_OF_LIFE,)}
    assert 0 < len(again) <= 4
    assert numbers(trials)[-1] >= 11 + len(again), "those of the killed one do not count"


def test_a_search_finishes_after_the_death_of_one_of_two_workers(
    searching: ToySearch,
    meanwhile: Callable[[Callable[[], bool], Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With processes as they begin outside the tests, which import everything anew."""
    monkeypatch.setenv("RNN_CAPACITY_HEARTBEAT", "1,2")
    meanwhile(
        searching.running_after(0, running=4),
        lambda: multiprocessing.active_children()[0].kill(),
    )
    options = ["--population=2", "--trials=6", "--trainer.max_steps=1000", "--trainer.devices=2"]
    main(["search", *searching.options(*options)])
    assert "ended with exit code -9; another worker will run its trials again" in capsys.readouterr().err
    assert counts(searching.study()) == (6, 0, 0, 0)
    assert len({json.dumps(trial.params) for trial in finished(searching)}) == 6


def test_a_failing_storage_ends_the_search_with_one_line(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", *searching.options("--trials=2")])

    def fail(*_: object) -> bool:
        raise StorageError("capacity.db failed: disk I/O error")

    monkeypatch.setattr(Study, "finish", fail)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["search", *searching.options("--trials=4")])
    assert stop.value.code == 1
    assert capsys.readouterr().err == "rnn-capacity: error: capacity.db failed: disk I/O error\n"
    assert len(finished(searching)) == 2
