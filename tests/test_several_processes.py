"""Training and evaluation by two processes: the batches and results of one, with every file written once."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
CASES["text"] = ("text", ["--model.recurrent_dropout=0"])  # each process draws masks of its own
CASES |= {"language in streams": ("language", STREAMS)}


STREAMS_STOPPED = ["--trainer.callbacks+=tests.interruption.StopAfter", "--trainer.callbacks.step=40"]

TOGETHER = ["--trainer.strategy=ddp", "--trainer.devices=2", "--trainer.accelerator=cpu"]


def case_options(case: str, toy: Toy, folder: Path) -> list[str]:
    """The options of a case's run, which stores in a folder what each of its processes reads and computes."""
    config, more = CASES[case]
    folder.mkdir()
    # in float32 a chaotic network takes the order of a sum for a reason to differ
    options = [*toy(config), *more, "--trainer.precision=64-true", "--trainer.max_steps=30"]
    options += ["--model.steps_per_call=5", "--trainer.val_check_interval=2"]
    return [*options, "--trainer.callbacks+=tests.witness.Witness", f"--trainer.callbacks.folder={folder}"]


def stream_options(toy: Toy) -> list[str]:
    """The options of a run with seven streams, of which one process of two has four and the other three."""
    return [*toy("language"), *STREAMS, "--data.batch_size=7", "--model.cell=lstm", "--trainer.precision=64-true"]


def checkpoint_of(run: Path) -> Path:
    """The checkpoint of a run that was stopped after 40 steps."""
    path = run / "checkpoints" / "last.ckpt"
    assert torch.load(path, weights_only=True)["global_step"] == 40
    return path


@pytest.fixture(scope="module")
def together(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of two processes, which make all of them, since they take longer to start than to train.

    Each run is in a folder of its own, and what its processes store in another.
    """
    root = tmp_path_factory.mktemp("together")
    alone = Runner(root / "stopped alone")("fit", *stream_options(toy), *STREAMS_STOPPED)["run"]
    options = {case: case_options(case, toy, root / f"witness {case}") for case in CASES}
    options["stopped"] = [*stream_options(toy), *STREAMS_STOPPED]
    options["resumed"] = [*stream_options(toy), f"--ckpt_path={checkpoint_of(alone)}"]
    commands = [["fit", *more, *TOGETHER, *Runner(root / name).quiet()] for name, more in options.items()]
    (root / "commands.json").write_text(json.dumps(commands))
    command = [sys.executable, "-m", "tests.command_lines", str(root / "commands.json")]
    checkout = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run: ") == len(commands)
    return root


def only_run(root: Path) -> Path:
    (run,) = Runner(root).runs()
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
def test_two_processes_train_and_evaluate_like_one_and_write_once(
    case: str, together: Path, runner: Runner, toy: Toy, tmp_path: Path
) -> None:
    folders = {"alone": tmp_path / "witness", "together": together / f"witness {case}"}
    runs = {"together": only_run(together / case)}
    runs["alone"] = runner("fit", *case_options(case, toy, folders["alone"]))["run"]
    told = {name: [torch.load(path) for path in sorted(folder.glob("rank*.pt"))] for name, folder in folders.items()}
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


def test_streams_resume_in_another_number_of_processes(together: Path, toy: Toy, tmp_path: Path) -> None:
    whole = metrics_of(Runner(tmp_path / "whole")("fit", *stream_options(toy))["run"])
    checkpoint = checkpoint_of(only_run(together / "stopped"))
    alone = Runner(tmp_path / "alone")("fit", *stream_options(toy), f"--ckpt_path={checkpoint}")["run"]
    assert_same(metrics_of(alone), whole)
    assert_same(metrics_of(only_run(together / "resumed")), whole)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("inputs", [torch.zeros(0, 3, 4), torch.zeros(0, 3, 1, dtype=torch.int64)])
def test_an_empty_batch_adds_nothing_to_the_gradient(cell: str, inputs: Tensor) -> None:
    network = RecurrentNetwork(cell, 2, 4, 5, 2)
    network(inputs, steps=6)[0].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name
