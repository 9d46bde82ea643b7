from __future__ import annotations

import csv
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from rnn_capacity.cells import CELLS
from rnn_capacity.cli import main
from rnn_capacity.runs.table import print_summary
from tests.program import CONFIGS, Runner

Toy = Callable[..., list[str]]

METRICS = ("accuracy", "stored_bits", "bits_per_parameter", "likelihood_bits", "loss")


@pytest.mark.parametrize("config", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_every_shipped_config_runs(config: str, runner: Runner, toy: Toy) -> None:
    summary = runner("fit", *toy(config))
    assert summary["task"] == ("language" if config == "text" else config)
    assert summary["feasible"]
    assert summary["steps"] == 60


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_trains_within_the_budget_of_the_shipped_config(cell: str, runner: Runner, toy: Toy) -> None:
    summary = runner("fit", *toy(), "--model.cell", cell, "--model.depth=2")
    assert (summary["cell"], summary["depth"]) == (cell, 2)
    assert 0.5 * 150 < summary["parameters"] <= 150
    assert summary["samples"] == round(4.0 * summary["parameters"])


def test_options_reach_network_and_task(runner: Runner, toy: Toy) -> None:
    summary = runner("fit", *toy(), "--model.max_parameters=400", "--data.samples_per_parameter=5", "--data.seed=7")
    assert 300 < summary["parameters"] <= 400
    assert summary["samples"] == 5 * summary["parameters"]
    assert summary["seeds"] == {"network": 0, "task": 7}


def test_the_run_directory_has_config_metrics_summary_and_checkpoints(runner: Runner, toy: Toy) -> None:
    summary = runner("fit", *toy())
    run = summary["run"]
    assert {path.name for path in run.iterdir()} == {"config.yaml", "metrics.csv", "summary.json", "checkpoints"}
    assert (run / "checkpoints" / "last.ckpt").is_file()
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["step"]) for row in rows if row["train/loss"]] == [20, 40, 60]
    assert [float(row["step"]) for row in rows if row["val/accuracy"]] == [20, 40, 60]
    final = [row for row in rows if row["final/bits_per_parameter"]]
    assert len(final) == 1
    for key in (*METRICS, "parameters", "samples", "units"):
        assert float(final[0][f"final/{key}"]) == pytest.approx(summary[key], rel=1e-6)
    assert final[0]["final/feasible"] == "True"
    assert summary["versions"].keys() >= {"python", "torch", "pytorch-lightning", "rnn-capacity"}


def test_the_config_of_a_run_reproduces_its_metrics(runner: Runner, toy: Toy) -> None:
    first = runner("fit", *toy(), "--model.cell", "gru", "--model.dropout=0.1", "--model.depth=2")
    again = runner("fit", "--config", first["run"] / "config.yaml")
    assert {key: again[key] for key in METRICS} == {key: first[key] for key in METRICS}


def test_the_printed_config_reproduces_the_metrics(
    runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *toy(), "--model.cell=ugrnn", "--print_config"])
    assert stop.value.code == 0
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out)
    assert yaml.safe_load(printed.read_text())["model"]["init_args"]["cell"] == "ugrnn"
    given, written = runner("fit", *toy(), "--model.cell=ugrnn"), runner("fit", "--config", printed)
    assert {key: written[key] for key in METRICS} == {key: given[key] for key in METRICS}


@pytest.mark.parametrize("command", ["validate", "test"])
def test_a_checkpoint_evaluates_to_the_final_metrics_of_its_run(command: str, runner: Runner, toy: Toy) -> None:
    trained = runner("fit", *toy(), "--model.cell=lstm")
    measured = runner(command, "--ckpt_path", trained["run"] / "checkpoints" / "last.ckpt")
    for key in (*METRICS, "steps", "units", "parameters", "samples"):
        assert measured[key] == trained[key]


def test_the_last_checkpoint_is_that_of_the_last_step(runner: Runner, toy: Toy) -> None:
    trained = runner("fit", *toy(), "--trainer.val_check_interval=2", "--model.schedule=null")
    checkpoint = trained["run"] / "checkpoints" / "last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 60
    measured = runner("test", "--ckpt_path", checkpoint)
    assert {key: measured[key] for key in METRICS} == {key: trained[key] for key in METRICS}


def test_a_resumed_run_ends_like_an_uninterrupted_run(runner: Runner, toy: Toy) -> None:
    options = [*toy(), "--data.batch_size=50", "--model.recurrent_dropout=0.2"]
    whole = runner("fit", *options)
    halves = runner("fit", *options, "--trainer.callbacks+=tests.interruption.StopAfter", "--trainer.callbacks.step=40")
    assert halves["steps"] == 40
    resumed = runner("fit", *options, "--ckpt_path", halves["run"] / "checkpoints" / "last.ckpt")
    assert {key: resumed[key] for key in METRICS} == {key: whole[key] for key in METRICS}


def test_a_diverged_run_has_a_result(runner: Runner, toy: Toy) -> None:
    summary = runner(
        "fit", *toy(), "--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=1e9", "--model.cell=irnn"
    )
    assert not summary["feasible"]
    assert 1 <= summary["diverged_at"] <= summary["steps"] <= 60
    assert summary["bits_per_parameter"] == summary["stored_bits"] == summary["likelihood_bits"] == 0
    assert summary["accuracy"] == 0.5


def test_runs_of_the_same_second_have_different_directories(
    runner: Runner, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20170424-090000")
    first, second = runner("fit", *toy()), runner("fit", *toy())
    assert first["run"] != second["run"]
    assert len(runner.runs()) == 2


def test_a_class_path_selects_a_cell_of_the_user(runner: Runner, toy: Toy) -> None:
    summary = runner("fit", *toy(), "--model.cell=tests.own_cell.MinimalGatedUnit")
    assert summary["cell"] == "tests.own_cell.MinimalGatedUnit"
    assert summary["feasible"]


def test_the_program_prints_the_metrics_and_finds_a_cell_in_the_current_folder(toy: Toy, tmp_path: Path) -> None:
    cell = (Path(__file__).parent / "own_cell.py").read_text()
    (tmp_path / "mine.py").write_text(cell)
    program = Path(sysconfig.get_path("scripts")) / "rnn-capacity"
    command = [str(program), "fit", *toy(), "--model.cell=mine.MinimalGatedUnit"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("random mapping", "mine.MinimalGatedUnit", "bits per parameter (likelihood)", "│ accuracy "):
        assert words in done.stdout
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "runs" / "random_mapping").glob("*/summary.json"))) == 1


def test_without_a_logger_nothing_is_written(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    main(["fit", *toy(), "--trainer.logger=false", "--trainer.enable_progress_bar=false"])
    assert list(tmp_path.rglob("*.*")) == []


def test_runs_with_wandb_also_have_a_run_directory(
    runner: Runner, toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for _ in range(2):
        summary = runner("fit", *toy(), "--trainer.logger=WandbLogger", f"--trainer.logger.save_dir={tmp_path}")
        assert (summary["run"] / "metrics.csv").is_file()
    assert len(list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))) == 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OverflowError("a size is too large"),
        torch.OutOfMemoryError("out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_ends_a_command_in_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("rnn_capacity.commands.CapacityCLI", fails)
    with pytest.raises(SystemExit) as stop:
        main(["fit"])
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rnn-capacity: error: not enough memory for these sizes: ")
    assert line.endswith(str(error) or "MemoryError")


def test_another_error_of_a_command_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr("rnn_capacity.commands.CapacityCLI", fails)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(["fit"])


def test_the_printed_folder_of_a_run_is_as_it_is_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary({"task": "memory", "cell": "[red]"}, tmp_path / "runs[old]" / ":smile:")
    said = capsys.readouterr().out
    assert f"run: {tmp_path}/runs[old]/:smile:" in said
    assert "[red]" in said
