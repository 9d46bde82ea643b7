"""Searches in which something fails: a network, a logger, a disk; and what a search says of how to go on."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from optuna.trial import FrozenTrial

from rnn_capacity.cli import main
from rnn_capacity.population import Member, Result, train
from rnn_capacity.search.arguments import read_command_line
from rnn_capacity.search.command import interruption, resume_command
from rnn_capacity.search.results.search_logger import SearchLogger
from rnn_capacity.search.run.devices import select_devices
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.search.trials import TrialBuilder
from rnn_capacity.studies import Study, failures, feasible, metrics
from tests.search.toy_search import ToySearch
from tests.studies.grid import counts

SEED = "model.init_args.seed"
SEEDS = {"method": "grid", "parameters": {SEED: {"values": [0, 1, 2, 3]}}}


def test_a_trial_that_ends_several_workers_is_given_up(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    together: list[int] = []

    def fails(members: Sequence[Member], *given: Any, **named: Any) -> list[Result]:
        together.append(len(members))
        if any(member.module.hparams["seed"] == 2 for member in members):
            raise RuntimeError("out of\nmemory")
        return train(members, *given, **named)

    monkeypatch.setattr("rnn_capacity.search.run.study_runner.train", fails)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="out of"):
            main(["search", *searching.options(**SEEDS)])
        assert len(searching.study().snapshot().running) == 0
    main(["search", *searching.options(**SEEDS)])
    assert together[:2] == [4, 4]
    assert set(together[2:]) == {1}
    assert len(together) == 2 + 4
    assert counts(searching.study()) == (4, 0, 0, 1)
    for trial in searching.study().snapshot().trials:
        assert feasible(trial) is (trial.params[SEED] != 2)
        assert metrics(trial).get("failed") == (
            None if feasible(trial) else "3 workers ended: RuntimeError: out of memory"
        )
        assert feasible(trial) or trial.value == 0.0
    assert "failed: 3 workers ended: RuntimeError: out of memory (seed 2)" in capsys.readouterr().err


def test_a_failing_logger_does_not_fail_the_trials(searching: ToySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(SearchLogger, "result", fail)
    with pytest.raises(OSError, match="no connection"):
        main(["search", *searching.options("--trials=4")])
    assert counts(searching.study())[:3] == (1, 0, 3)
    assert {failures(trial) for trial in searching.study().snapshot().trials} == {()}


def test_a_signal_during_a_claim_stops_before_training(searching: ToySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = StudyRunner.claim

    def claims(self: StudyRunner, count: int) -> list[FrozenTrial]:
        trials = claim(self, count)
        os.kill(os.getpid(), signal.SIGINT)
        return trials

    trained: list[int] = []
    monkeypatch.setattr(StudyRunner, "claim", claims)
    monkeypatch.setattr(
        "rnn_capacity.search.run.study_runner.train", lambda members, *_, **__: trained.append(len(members))
    )
    with pytest.raises(SystemExit) as stop:
        main(["search", *searching.options()])
    assert stop.value.code == 130
    assert trained == []
    assert counts(searching.study()) == (0, 0, 4, 0)
    assert {failures(trial) for trial in searching.study().snapshot().trials} == {()}


def test_a_full_disk_loses_only_the_config_of_the_best_trial(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rnn_capacity.search.results.summary.write_atomically", full)
    main(["search", *searching.options("--trials=1")])
    said = capsys.readouterr()
    line = f"no config of the best of toy written: {searching.root / 'runs'}: No space left on device\n"
    assert said.err.endswith(f"rnn-capacity: {line}")
    assert "retrain" not in said.out


def test_a_finished_study_has_no_trials_to_claim(searching: ToySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["search", *searching.options("--trials=1")])

    def claim(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Study, "claim", claim)
    main(["search", *searching.options("--trials=1")])


def test_workers_that_start_a_study_together_may_ask_for_different_numbers_of_trials(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_capacity.search.command.study_names", lambda storage: [])  # as each of them sees it
    for trials in (1, 2):
        main(["search", *searching.options(f"--trials={trials}")])
    study = searching.study()
    assert (len(study.snapshot().finished), study.total()) == (2, 2)


def searches(**totals: int) -> list[Any]:
    """Studies with three finished trials each, as far as the command that resumes them depends on them."""
    return [SimpleNamespace(name=f"toy/{name}", finished=3, total=total) for name, total in totals.items()]


def test_the_printed_command_resumes_the_study() -> None:
    given = ["--storage=postgresql://me:secret@host/base", "--study=toy", "--population=5", "--trainer.devices=2"]
    arguments = read_command_line([*given, "--trainer.accelerator=cpu", "--trainer.default_root_dir=here"])
    line = resume_command(arguments, searches(a=7, b=7))
    assert line[:7] == [
        "rnn-capacity",
        "search",
        "--resume",
        "--study",
        "toy",
        "--storage",
        "postgresql://me:***@host/base",
    ]
    options = dict(zip(line[7::2], line[8::2], strict=True))
    assert options == {
        "--trials": "7",
        "--population": "5",
        "--trainer.devices": "2",
        "--trainer.accelerator": "cpu",
        "--trainer.default_root_dir": "here",
    }
    told = interruption(arguments, searches(a=7, b=4))
    assert told.startswith("6 of 11 trials are finished; go on, with the password in the place of ***: rnn-capacity")
    assert "secret" not in told
    assert "--trials" not in told
    plain = read_command_line(["--storage=sqlite:///base.db", "--study=toy"])
    assert interruption(plain, searches(a=7)).endswith(
        "go on: rnn-capacity search --resume --study toy/a --storage sqlite:///base.db --trials 7 --population 64"
    )
    several = [SimpleNamespace(name=f"toy/{grid}/a", finished=3, total=7) for grid in ("first", "second")]
    assert resume_command(read_command_line(line[2:]), several)[:5] == line[:5]
    resumed = read_command_line([*line[2:4], "toy", *line[5:]])
    assert (resumed.options.trials, resumed.trainer) == (7, arguments.trainer)


@pytest.mark.parametrize("devices", [1, 2])
def test_each_process_of_a_cluster_runs_its_own_search(devices: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NTASKS", "4"), ("JOB_NAME", "capacity"), ("PROCID", "1"), ("LOCALID", "1"), ("NODEID", "0")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert select_devices("cpu", devices) == [torch.device("cpu")] * devices


HEAVY = {"distribution": "log_normal", "mu": 0.0, "sigma": 900.0}
"""A hyperparameter that overflows at every third draw or so."""


def test_a_trial_that_cannot_be_created_is_infeasible_and_the_study_goes_on(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instantiate = TrialBuilder._instantiate

    def create(builder: TrialBuilder, part: str, config: Any) -> Any:
        if part == "model" and config.init_args.seed % 3 == 2:
            raise RuntimeError("can't allocate memory")
        return instantiate(builder, part, config)

    monkeypatch.setattr(TrialBuilder, "_instantiate", create)
    parameters = {"model.clip_norm": HEAVY, "model.seed": {"min": 0, "max": 99}}
    main(["search", *searching.options("--trials=12", "--population=12", parameters=parameters)])
    assert counts(searching.study())[:3] == (12, 0, 0)
    reasons = [metrics(trial).get("refused") for trial in searching.study().snapshot().trials]
    assert "model.init_args.clip_norm must be a finite number, got inf" in reasons
    assert "RuntimeError: can't allocate memory" in reasons
    assert None in reasons
    assert "refused: RuntimeError: can't allocate memory (" in capsys.readouterr().err


def test_a_worker_that_can_create_no_network_stops_and_uses_no_trial_up(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", *searching.options("--trials=1")])

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("rnn_capacity.search.trials.TrialBuilder._task", fail)
        with pytest.raises(SystemExit) as ended:
            main(["search", "--resume", *searching.again("--trials=6")])
    assert ended.value.code == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "toy: this worker can create no network: OSError: [Errno 5] Input/output error; 1 of 6 trials are" in said
    assert counts(searching.study())[0::3] == (1, 0)
    assert {failures(trial) for trial in searching.study().snapshot().trials} == {()}
    main(["search", "--resume", *searching.again("--trials=6")])
    assert counts(searching.study()) == (6, 0, 0, 0)


def test_a_worker_stops_after_several_trials_that_its_memory_cannot_hold(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def create(specification: StudySpecification) -> None:
        """Stand for a small network, which the memory can hold."""

    monkeypatch.setattr(StudySpecification, "example", create)
    main(["search", *searching.options("--trials=1")])

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as full:
        full.setattr("rnn_capacity.search.trials.TrialBuilder._task", fail)
        with pytest.raises(SystemExit) as ended:
            main(["search", "--resume", *searching.again("--trials=20", "--population=20")])
    assert ended.value.code == 1
    assert "toy: 5 trials one after another failed here: MemoryError" in capsys.readouterr().err
    assert counts(searching.study())[0::3] == (5, 4)
