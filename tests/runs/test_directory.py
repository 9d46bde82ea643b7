from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rnn_capacity.cli import main
from rnn_capacity.runs import RunLogger, expand_run_name, last_checkpoint, new_run_name
from tests.program import Runner

Toy = Callable[..., list[str]]

METRICS = ("accuracy", "stored_bits", "bits_per_parameter", "likelihood_bits", "loss", "steps")
INTERRUPTED = [
    "--trainer.callbacks=tests.wandb_callbacks.Signalled",
    "--trainer.callbacks.step=40",
    "--trainer.callbacks.name=SIGUSR1",
]


def fit(runner: Runner, *options: str) -> int:
    """Train, and return the exit code."""
    try:
        main(["fit", *options, *runner.quiet()])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def steps(run: Path, metric: str) -> list[int]:
    with (run / "metrics.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row[metric]]


def test_a_named_run_resumes_to_the_end_of_an_uninterrupted_run(
    runner: Runner, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*toy(), "--data.batch_size=50", "--model.recurrent_dropout=0.2"]
    whole = Runner(tmp_path / "whole")("fit", *options)
    monkeypatch.setenv("JOB", "7")
    run = runner.root / "random_mapping" / "job-7"
    assert fit(runner, *options, *INTERRUPTED, "--run=job-$JOB") == 75
    assert steps(run, "train/loss") == [20, 40]
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    torch.save({**checkpoint, "seconds": checkpoint["seconds"] + 1000}, run / "checkpoints" / "last.ckpt")
    assert fit(runner, *options, *INTERRUPTED, "--run=job-$JOB") == 0
    summary = json.loads((run / "summary.json").read_text())
    assert {key: summary[key] for key in METRICS} == {key: whole[key] for key in METRICS}
    assert 1000 < summary["seconds"] < 1100
    assert steps(run, "train/loss") == steps(run, "val/accuracy") == [20, 40, 60]
    assert steps(run, "final/accuracy") == [60]


def test_the_config_of_a_named_run_starts_a_new_run(runner: Runner, toy: Toy) -> None:
    assert fit(runner, *toy(), "--run=first") == 0
    first = runner.root / "random_mapping" / "first"
    again = runner("fit", "--config", first / "config.yaml")
    summary = json.loads((first / "summary.json").read_text())
    assert again["run"] != first
    assert {key: again[key] for key in METRICS} == {key: summary[key] for key in METRICS}
    assert runner("validate", "--ckpt_path", first / "checkpoints" / "last.ckpt")["loss"] == summary["loss"]


def test_runs_that_cannot_resume_are_rejected_in_one_line(
    runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    assert fit(runner, *toy(), "--run=done") == 0
    assert fit(runner, *toy(), *INTERRUPTED, "--run=begun") == 75
    checkpoint = runner.root / "random_mapping" / "done" / "checkpoints" / "last.ckpt"
    capsys.readouterr()
    for options, words in (
        (["--run=done"], ["run must be", "unfinished", "got 'done'"]),
        (["--run=a/b"], ["run must be the name of one folder, got 'a/b'"]),
        (["--run=.."], ["run must be the name of one folder, got '..'"]),
        (["--run="], ["run must be the name of one folder, got ''"]),
        (["--run=$NOWHERE"], ["run must contain", "environment", "got '$NOWHERE'"]),
        (["--run=new", f"--ckpt_path={checkpoint}"], ["run or ckpt_path must be null, got 'new' and"]),
        (["--run=new", "--trainer.logger=false"], ["run must be null", "writes nothing", "got 'new'"]),
        (
            ["--run=begun", "--model.optimizer.lr=0.5"],
            ["model.optimizer.init_args.lr must be 0.003", "begun", "got 0.5"],
        ),
    ):
        assert fit(runner, *toy(), *options) == 2
        line = capsys.readouterr().err
        assert line.startswith("rnn-capacity: error: ")
        assert line.count("\n") == 1
        for word in words:
            assert word in line


def test_a_run_without_a_checkpoint_starts_afresh(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "new") is None
    (tmp_path / "checkpoints").mkdir()
    assert last_checkpoint(tmp_path) is None
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoints" / "last.ckpt"
    (tmp_path / "summary.json").touch()
    with pytest.raises(ValueError, match="finished"):
        last_checkpoint(tmp_path)


def test_variables_in_names_are_expanded_and_new_names_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB", "7")
    assert expand_run_name("a-${JOB}-$JOB") == "a-7-7"
    assert len({new_run_name() for _ in range(100)}) == 100


def test_a_logger_appends_to_existing_metrics(tmp_path: Path) -> None:
    for metrics in ({"a": 1.0}, {"b": 2.0}, {"a": 3.0, "b": 4.0}):
        logger = RunLogger(str(tmp_path), "task", "name")
        logger.log_metrics(metrics, step=5)
        logger.save()
    with (tmp_path / "task" / "name" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["a"], row["b"]) for row in rows] == [("1.0", ""), ("", "2.0"), ("3.0", "4.0")]
    assert {row["step"] for row in rows} == {"5"}
