from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from rnn_capacity.callbacks import StopOnSignal
from tests.program import Runner

Toy = Callable[..., list[str]]

METRICS = ("accuracy", "stored_bits", "bits_per_parameter", "likelihood_bits", "loss", "steps")


def signalled(step: int, name: str, **more: int) -> list[str]:
    """Command-line options that send a run a signal after a number of steps."""
    arguments = {"step": step, "name": name, **more}
    callback = "--trainer.callbacks=tests.wandb_callbacks.Signalled"
    return [callback, *(f"--trainer.callbacks.{key}={value}" for key, value in arguments.items())]


def saved(runner: Runner) -> dict[str, Any]:
    """The last checkpoint of the only run."""
    (run,) = runner.runs()
    checkpoint: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGUSR1", 75), ("SIGINT", 130)])
def test_a_signal_stops_a_run_after_a_call_with_a_checkpoint(
    name: str, code: int, runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)}
    with pytest.raises(SystemExit) as stop:
        runner("fit", *toy(), *signalled(40, name), "--trainer.val_check_interval=3")
    assert stop.value.code == code
    assert capsys.readouterr().err == f"rnn-capacity: {name} after 40 optimizer steps\n"
    assert saved(runner)["global_step"] == 40
    assert not (runner.runs()[0] / "summary.json").exists()
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize(("other", "stronger", "code"), [("SIGTERM", "SIGUSR1", 75), ("SIGINT", "SIGTERM", 0)])
@pytest.mark.parametrize("turned", [False, True])
def test_the_exit_code_of_several_signals_is_that_of_the_strongest(
    other: str, stronger: str, code: int, turned: bool, runner: Runner, toy: Toy
) -> None:
    first, second = (stronger, other) if turned else (other, stronger)
    both = ["--trainer.callbacks+=tests.wandb_callbacks.Signalled", "--trainer.callbacks.step=20"]
    with pytest.raises(SystemExit) as stop:
        runner("fit", *toy(), *signalled(20, first), *both, f"--trainer.callbacks.name={second}")
    assert stop.value.code == code


def test_sigint_stops_a_run_of_an_agent(runner: Runner, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")  # W&B interrupts it once the server says so
    with pytest.raises(SystemExit) as stop:
        runner("fit", *toy(), *signalled(40, "SIGINT", times=2))
    assert stop.value.code == 0
    assert saved(runner)["global_step"] == 40


@pytest.mark.parametrize("agent", [True, False])
def test_only_runs_of_an_agent_handle_preemption_on_slurm(agent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if agent:
        monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    lightnings: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: lightnings.append(number))  # as its SLURM connector does
    stop = StopOnSignal()
    try:
        stop.on_train_start(Trainer(logger=False, accelerator="cpu"), LightningModule())
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert (len(lightnings), stop.signals.received) == ((0, "SIGUSR1") if agent else (1, None))


def test_a_second_sigint_ends_a_run_at_once(runner: Runner, toy: Toy) -> None:
    with pytest.raises(SystemExit) as stop:
        runner("fit", *toy(), *signalled(20, "SIGINT", times=2))
    assert stop.value.code == 1  # Lightning's


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGINT"])
def test_a_signal_in_the_last_call_does_not_prevent_the_final_metrics(
    name: str, runner: Runner, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")  # otherwise SIGINT is a Ctrl-C
    whole = runner("fit", *toy())
    told = runner("fit", *toy(), *signalled(60, name))
    assert {key: told[key] for key in METRICS} == {key: whole[key] for key in METRICS}


def test_a_signal_to_one_process_stops_both_and_both_resume(runner: Runner, toy: Toy, tmp_path: Path) -> None:
    options = [*toy(), "--trainer.precision=64-true"]  # float32 would tell the order of a sum
    whole = runner("fit", *options)
    together = Runner(tmp_path / "together")
    devices = ["--trainer.strategy=ddp", "--trainer.devices=2", "--trainer.accelerator=cpu", "--run=told"]
    told = [*options, *devices, *together.quiet(), *signalled(40, "SIGUSR1", rank=1)]
    command = [sys.executable, "-m", "rnn_capacity", "fit", *told]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 75, done.stderr
    assert done.stderr.count("SIGUSR1 after 40 optimizer steps") == 1
    assert saved(together)["global_step"] == 40
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads((together.runs()[0] / "summary.json").read_text())
    assert {key: summary[key] for key in METRICS} == pytest.approx({key: whole[key] for key in METRICS}, rel=1e-4)
