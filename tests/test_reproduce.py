"""`rnn-capacity reproduce` repeats a stored run and compares its results."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_capacity.cli import main
from rnn_capacity.reproduce import compare, read_arguments, tensor_distance
from tests.program import Runner

Toy = Callable[..., list[str]]


@pytest.fixture(scope="module")
def finished(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a finished run that all tests share."""
    runner = Runner(tmp_path_factory.mktemp("runs"))
    run: Path = runner("fit", *toy(), "--model.cell=gru", "--model.dropout=0.1", "--model.depth=2")["run"]
    return run


@pytest.fixture
def stored(finished: Path, runner: Runner) -> Path:
    """Directory of a finished run."""
    return Path(shutil.copytree(finished, runner.root / "random_mapping" / "stored"))


def reproduce(*arguments: str | Path) -> int:
    """Run the command and return its exit code."""
    try:
        main(["reproduce", *map(str, arguments), "--trainer.enable_progress_bar=false"])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def change_summary(run: Path, **values: Any) -> None:
    path = run / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_repeated_run_is_equal_and_gets_a_directory_beside_the_stored_one(
    stored: Path, runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce(stored) == 0
    shown = capsys.readouterr().out
    assert "difference" in shown
    assert "weights" in shown
    assert "all 16 values are equal" in shown
    (repeated,) = set(runner.runs()) - {stored}
    assert repeated.parent == stored.parent
    assert {path.name for path in repeated.iterdir()} == {path.name for path in stored.iterdir()}


def test_different_metrics_and_weights_are_named_in_one_line_unless_within_the_tolerance(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = json.loads((stored / "summary.json").read_text())
    change_summary(stored, accuracy=summary["accuracy"] + 0.01, versions={**summary["versions"], "torch": "2.0"})
    path = stored / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["state_dict"]["network.readout.bias"] += 0.5
    torch.save(checkpoint, path)
    capsys.readouterr()
    folder = f"--trainer.default_root_dir={tmp_path / 'elsewhere'}"
    assert reproduce(stored, folder) == 1
    shown = capsys.readouterr()
    expected = (
        f"2 of 16 values are not equal: accuracy, weights; stored and repeated with torch 2.0 and {torch.__version__}"
    )
    assert shown.err == f"rnn-capacity: error: {expected}\n"
    assert "0.01" in shown.out
    assert len(list((tmp_path / "elsewhere").glob("random_mapping/*/summary.json"))) == 1
    assert reproduce(stored, folder, "--tolerance=0.02") == 0
    assert "all 15 values are equal within 0.02" in capsys.readouterr().out


BROKEN: dict[str, Callable[[Path], object]] = {
    "it has no config.yaml": shutil.rmtree,
    "it has no summary.json": lambda run: (run / "summary.json").unlink(),
    "it has no metrics.csv": lambda run: (run / "metrics.csv").unlink(),
    "Expecting value": lambda run: (run / "summary.json").write_text(""),
    "its summary.json has no task": lambda run: (run / "summary.json").write_text("[3]"),
    "its metrics.csv has no train/loss": lambda run: (run / "metrics.csv").write_text("step,val/loss\n20,0.5\n"),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_directory_without_a_finished_training_is_rejected(
    reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "memory" / "told"
    run.mkdir(parents=True)
    for name, text in {
        "config.yaml": "{}",
        "summary.json": '{"task": "memory"}',
        "metrics.csv": "train/loss\n",
    }.items():
        (run / name).write_text(text)
    BROKEN[reason](run)
    assert reproduce(run) == 2
    line = capsys.readouterr().err
    assert line.startswith("rnn-capacity: error: run_dir must be the directory of a finished run of fit, got ")
    assert reason in line
    assert line.count("\n") == 1
    assert len(list((tmp_path / "runs" / "memory").iterdir())) == (0 if reason == "it has no config.yaml" else 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run_dir must be given"),
        ([".", "--tolerance=much"], "tolerance must be a number, got 'much'"),
        ([".", "--tolerance=-1"], "tolerance must be at least 0, got -1.0"),
        ([".", "--model.seed=3"], "options must be --tolerance and options of the trainer, got '--model.seed=3'"),
    ],
)
def test_wrong_arguments_are_rejected(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce(*arguments) == 2
    assert capsys.readouterr().err == f"rnn-capacity: error: {message}\n"


def test_a_repetition_ended_by_sigterm_is_no_success(stored: Path) -> None:
    signalled = {"class_path": "tests.wandb_callbacks.Signalled", "init_args": {"step": 20, "name": "SIGTERM"}}
    assert reproduce(stored, f"--trainer.callbacks=[{json.dumps(signalled)}]") == 143


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        (1.5, 1.25, 0.25),
        (math.nan, math.nan, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, math.inf, 0.0),
        (True, False, math.inf),
        (None, 40, math.inf),
        ("rnn", "gru", math.inf),
    ],
)
def test_values_that_cannot_be_subtracted_differ_unless_they_are_equal(one: Any, other: Any, difference: float) -> None:
    assert [row.difference for row in compare({"value": one}, {"value": other})] == [difference]


def test_the_tolerance_is_relative_above_one() -> None:
    (row,) = compare({"stored_bits": 200.0}, {"stored_bits": 201.0})
    assert row.within(0.005)
    assert not row.within(0.004)


def test_options_of_the_trainer_may_be_negative_and_its_folder_may_begin_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given, options = read_arguments([".", "--trainer.devices", "-1", "--trainer.default_root_dir=~/again"])
    assert (given.root, options) == (str(tmp_path / "again"), ["--trainer.devices", "-1"])


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ([0.0, 1.0], [0.0, 1.5], 0.5),
        ([math.nan, 1.0], [math.nan, 1.5], 0.5),
        ([math.inf, 1.0], [math.inf, 1.0], 0.0),
        ([math.inf], [0.0], math.inf),
        ([math.nan], [0.0], math.inf),
        ([], [], 0.0),
    ],
)
def test_the_distance_of_weights_is_their_largest_difference(
    one: list[float], other: list[float], distance: float
) -> None:
    assert tensor_distance(torch.tensor(one), torch.tensor(other, dtype=torch.float64)) == distance


def test_another_config_is_refused_by_its_short_name_too() -> None:
    for option in ("-c", "-c=other.yaml", "--config"):
        with pytest.raises(ValueError, match=f"options must be --tolerance and options of the trainer, got '{option}'"):
            read_arguments(["run", option, "other.yaml"])
