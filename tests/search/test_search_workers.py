"""Searches that are interrupted, killed, or run side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnn_capacity.cli import main
from rnn_capacity.studies import StoredTrial
from tests.search.searching import Searching

LONG = ("--trainer.max_steps=1000",)
"""Long enough for a search to be caught in the middle of a population."""


@pytest.fixture
def start(searching: Searching) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts a search in a process of its own, which does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def start(options: list[str], **environment: str) -> subprocess.Popen[str]:
        started.append(searching.start(options, **environment))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process that goes on is to bring about."""
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def running_after(searching: Searching, finished: int) -> Callable[[], bool]:
    """Whether a population trains, after so many trials at least."""

    def condition() -> bool:
        if not searching.file.exists() or "toy" not in names(searching.storage):
            return False
        counts = searching.study().counts()
        return counts.finished >= finished and counts.running > 0

    return condition


def names(storage: str) -> list[str]:
    from rnn_capacity.studies import study_names

    try:
        return study_names(storage)
    except ValueError:  # its tables are being made
        return []


def finished(searching: Searching) -> list[StoredTrial]:
    return [trial for trial in searching.study().trials() if trial.state == "finished"]


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Callable[[], bool], Callable[[], object]], None]]:
    """A function that does something beside the test, once a condition holds."""
    threads: list[threading.Thread] = []

    def meanwhile(condition: Callable[[], bool], action: Callable[[], object]) -> None:
        def watch() -> None:
            until = time.monotonic() + 60
            while not condition() and time.monotonic() < until:
                time.sleep(0.05)
            action()

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield meanwhile
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("number", "code", "devices"),
    [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 1), (signal.SIGUSR1, 75, 1), (signal.SIGINT, 130, 2)],
)
def test_a_search_that_is_told_to_stop_loses_nothing(
    number: int,
    code: int,
    devices: int,
    searching: Searching,
    meanwhile: Callable[[Callable[[], bool], Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    meanwhile(running_after(searching, 2), lambda: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as stop:
        main(["search", *searching.options("--population=2", "--trials=30", *LONG, f"--trainer.devices={devices}")])
    assert stop.value.code == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    before = finished(searching)
    counts = searching.study().counts()
    assert counts.running == 0
    assert counts.waiting > 0
    assert f"{counts.finished} of 30 trials are finished; go on: rnn-capacity search --resume" in said
    total = counts.finished + 1
    main(["search", "--resume", *searching.again(f"--trials={total}", "--population=2")])
    assert [trial for trial in finished(searching) if trial.number in numbers(before)] == before
    assert searching.study().counts().finished == total


def numbers(trials: list[StoredTrial]) -> list[int]:
    return [trial.number for trial in trials]


def test_a_second_ctrl_c_ends_at_once(searching: Searching, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(searching.options("--population=2", "--trials=30", *LONG, "--trainer.devices=2"))
    wait_until(running_after(searching, 0), process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


@pytest.mark.parametrize("devices", [1, 2])
def test_workers_divide_the_trials(
    devices: int,
    searching: Searching,
    start: Callable[..., subprocess.Popen[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = searching.options("--population=3", "--trials=18", "--trainer.max_steps=400")
    other = start(options) if devices == 1 else None  # two commands, or one with two devices
    if other is not None:
        wait_until(running_after(searching, 0), other)
    main(["search", *options, f"--trainer.devices={devices}"])
    assert "18 trials" in capsys.readouterr().out
    if other is not None:
        out, err = other.communicate(timeout=60)
        assert other.returncode == 0, (out, err)
        assert "18 trials" in out
    trials = searching.study().trials()
    assert numbers(trials) == list(range(18))
    assert {trial.state for trial in trials} == {"finished"}
    assert len({json.dumps(trial.params) for trial in trials}) == 18


def test_the_trials_of_a_worker_that_was_killed_are_made_up_for(
    searching: Searching, start: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNN_CAPACITY_HEARTBEAT", "1,3")
    killed = start(searching.options("--population=4", "--trials=6", *LONG))
    wait_until(running_after(searching, 0), killed)
    killed.kill()
    killed.communicate()
    before = finished(searching)
    main(["search", "--resume", *searching.again("--trials=6")])
    assert searching.study().counts() == (6, 0, 0, 0)
    assert [trial for trial in finished(searching) if trial.number in numbers(before)] == before


def test_one_of_two_workers_may_die(
    searching: Searching,
    meanwhile: Callable[[Callable[[], bool], Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RNN_CAPACITY_HEARTBEAT", "1,3")
    meanwhile(
        lambda: running_after(searching, 0)() and searching.study().counts().running == 4,
        lambda: os.kill(workers_of(os.getpid())[0], signal.SIGKILL),
    )
    main(["search", *searching.options("--population=2", "--trials=6", *LONG, "--trainer.devices=2")])
    assert "ended with -9; the others go on" in capsys.readouterr().err
    assert searching.study().counts() == (6, 0, 0, 0)


def test_workers_do_not_outlive_their_parent(searching: Searching, start: Callable[..., subprocess.Popen[str]]) -> None:
    parent = start(searching.options("--population=2", "--trials=50", *LONG, "--trainer.devices=2"))
    wait_until(lambda: running_after(searching, 0)() and searching.study().counts().running == 4, parent)
    workers = workers_of(parent.pid)
    parent.kill()
    parent.communicate(timeout=30)
    until = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.1)
    counts = searching.study().counts()
    assert counts.running == 0
    assert counts.waiting > 0


def workers_of(parent: int) -> list[int]:
    """The processes that a search runs its workers in."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_a_storage_that_fails_ends_the_search_with_one_line(
    searching: Searching, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rnn_capacity.studies import StorageError, Study

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
