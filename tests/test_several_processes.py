"""Training and evaluation by two processes: the batches and results of one, with every file written once."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells import CELLS
from rnn_capacity.models import RecurrentNetwork
from tests.program import CONFIGS, Runner

Toy = Callable[..., list[str]]

STREAMS = ["--data.order=streams", "--data.steps=12", "--data.batch_size=16", "--data.warmup=0"]
"""Options that read the toy text as 16 streams in 24 batches, with a carried state."""

CASES = {path.stem: (path.stem, list[str]()) for path in sorted(CONFIGS.glob("*.yaml"))}
CASES |= {"language in streams": ("language", STREAMS)}


def run_of(processes: int, options: list[str], runner: Runner) -> Path:
    """The directory of the only run of a runner."""
    if processes == 1:
        run: Path = runner("fit", *options)["run"]
        return run
    command = [sys.executable, "-m", "rnn_capacity", "fit", *options, *runner.quiet()]
    command += ["--trainer.strategy=ddp", f"--trainer.devices={processes}", "--trainer.accelerator=cpu"]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run: ") == 1
    (run,) = runner.runs()
    return run


def table(run: Path) -> list[dict[str, float]]:
    """The metrics of metrics.csv, row by row."""
    with (run / "metrics.csv").open() as file:
        return [
            {name: float(value) for name, value in row.items() if value and name.startswith(("step", "train/", "val/"))}
            for row in csv.DictReader(file)
        ]


def metrics_of(run: Path) -> dict[str, float]:
    """The metrics of summary.json."""
    summary = json.loads((run / "summary.json").read_text())
    return {key: value for key, value in summary.items() if isinstance(value, float) and key != "seconds"}


def assert_same(metrics: dict[str, float], expected: dict[str, float]) -> None:
    assert metrics.keys() == expected.keys()
    for name, value in expected.items():
        rounding = 1e-3 if "likelihood" in name else 1e-7  # a few bits, left of a float32 sum of hundreds
        assert metrics[name] == pytest.approx(value, rel=1e-6, abs=rounding), name


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_and_evaluate_like_one_and_write_once(case: str, toy: Toy, tmp_path: Path) -> None:
    config, more = CASES[case]
    told: dict[str, list[dict[str, Any]]] = {}
    runs: dict[str, Path] = {}
    for name in ("alone", "together"):
        folder = tmp_path / name
        folder.mkdir()
        # in float32 a chaotic network takes the order of a sum for a reason to differ
        options = [*toy(config), *more, "--trainer.precision=64-true", "--trainer.max_steps=30"]
        options += ["--model.steps_per_call=5", "--trainer.val_check_interval=2"]
        options += ["--trainer.callbacks+=tests.witness.Witness", f"--trainer.callbacks.folder={folder}"]
        runs[name] = run_of(2 if name == "together" else 1, options, Runner(tmp_path / f"runs {name}"))
        told[name] = [torch.load(path) for path in sorted(folder.glob("rank*.pt"))]
    (alone,), (first, second) = told["alone"], told["together"]

    for whole, *shares in zip(alone["read"], first["read"], second["read"], strict=True):
        assert whole[::2] == shares[0]
        assert whole[1::2] == shares[1]

    curve, expected = table(runs["together"]), table(runs["alone"])
    assert sum("train/loss" in row for row in expected) == 6
    assert sum("val/loss" in row for row in expected) >= 3
    assert len(curve) == len(expected)
    for row, row_alone in zip(curve, expected, strict=True):
        assert_same(row, row_alone)

    assert first["losses"] == second["losses"]
    assert first["metrics"] == second["metrics"]
    assert len(first["metrics"]) == len(alone["metrics"]) == 4
    for metrics, metrics_alone in zip(first["metrics"], alone["metrics"], strict=True):
        assert_same(metrics, metrics_alone)

    files = {name: sorted(path.relative_to(run).as_posix() for path in run.rglob("*.*")) for name, run in runs.items()}
    assert files["together"] == files["alone"]
    assert_same(metrics_of(runs["together"]), metrics_of(runs["alone"]))


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_streams_resume_in_another_number_of_processes(
    before: int, after: int, runner: Runner, toy: Toy, tmp_path: Path
) -> None:
    # seven streams: one process has four of them, the other three
    options = [*toy("language"), *STREAMS, "--data.batch_size=7", "--model.cell=lstm", "--trainer.precision=64-true"]
    whole = runner("fit", *options)
    stopped = [*options, "--trainer.callbacks+=tests.interruption.StopAfter", "--trainer.callbacks.step=40"]
    first = run_of(before, stopped, Runner(tmp_path / "first"))
    checkpoint = first / "checkpoints" / "last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 40
    second = run_of(after, [*options, f"--ckpt_path={checkpoint}"], Runner(tmp_path / "second"))
    assert_same(metrics_of(second), metrics_of(whole["run"]))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("inputs", [torch.zeros(0, 3, 4), torch.zeros(0, 3, 1, dtype=torch.int64)])
def test_an_empty_batch_adds_nothing_to_the_gradient(cell: str, inputs: Tensor) -> None:
    network = RecurrentNetwork(cell, 2, 4, 5, 2)
    network(inputs, steps=6)[0].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name
