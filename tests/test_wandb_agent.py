"""Runs of `rnn-capacity fit` under the unmodified `wandb sweep` and `wandb agent`, with a server on loopback.

This shows the plumbing: commands, hyperparameters, metrics, exit codes, signals. It does not show how W&B's own Bayes
and Hyperband choose and judge, nor that the real server answers as `wandb_backend` does: that one hands out the values
of a sweep file in their order or the middle of their range, and stops and repeats runs when a test says so.
"""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.program import CONFIGS
from tests.wandb_backend import SWEEP, Backend, Run
from tests.wandb_machine import PATIENCE, Machine, children, wait_for


def nested(config: dict[str, Any], key: str) -> Any:
    """The value of a dotted key."""
    value: Any = {name: entry["value"] for name, entry in config.items() if "." not in name}
    for name in key.split("."):
        value = value[name]
    return value


def rows(run: Run, key: str) -> dict[int, Any]:
    """The values of a metric in a run's history, by optimizer step; each step has one."""
    found = [(row["trainer/global_step"], row[key]) for row in run.history if key in row]
    assert len(found) == len(dict(found))
    return dict(found)


def assert_matches(given: Any, trained: Any) -> None:
    """Check that a run trained with the requested hyperparameters; a class is compared by name and arguments."""
    if isinstance(given, dict) and "class_path" in given:
        assert trained["class_path"].rpartition(".")[2] == given["class_path"].rpartition(".")[2]
        for name, value in given.get("init_args", {}).items():
            assert_matches(value, trained["init_args"][name])
    elif isinstance(given, list):
        assert len(given) == len(trained)
        for one, other in zip(given, trained, strict=True):
            assert_matches(one, other)
    else:
        assert given == trained


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Three trials run by an agent: one succeeds, one diverges, one fails."""
    with Backend() as backend, Machine(tmp_path_factory.mktemp("three"), backend) as machine:
        assert machine.agent(Path(__file__).with_name("wandb_sweep.yaml"), 3).wait(PATIENCE) == 0
        yield machine


def test_the_agent_runs_three_trials_with_known_requests(three: Machine) -> None:
    assert list(three.backend.runs) == ["trial000", "trial001", "trial002"]
    assert {run.sweep for run in three.backend.runs.values()} == {SWEEP}
    assert three.backend.unknown == []


def test_a_run_trains_with_the_hyperparameters_of_its_trial(three: Machine) -> None:
    assert json.loads((three.folder / "0-of-trial000.json").read_text()) == {
        "cell": "MinimalGatedUnit",
        "depth": 2,
        "optimizer": "Adam",
        "rates": pytest.approx([0.00025, 0.0025, 0.0025]),  # two layers and the readout
        "residual": True,
        "clip_norm": None,
        "schedules": ["TotalDecay"],
        "encoding": "binary",
        "steps": 60,
        "processes": 1,
    }
    for run in three.backend.runs.values():
        given = {key: entry["value"] for key, entry in run.config.items() if "." in key}
        assert given.keys() == three.backend.sweep["parameters"].keys()
        for key, value in given.items():
            assert_matches(value, nested(run.config, key))


def test_the_server_gets_the_whole_config_and_the_sizes(three: Machine) -> None:
    run = three.backend.runs["trial000"]
    directory = three.directory("trial000")
    summary = json.loads((directory / "summary.json").read_text())
    for key, value in yaml.safe_load((directory / "config.yaml").read_text()).items():
        assert run.config[key]["value"] == value
    for key in ("task", "cell", "depth", "units", "parameters", "samples"):
        assert run.config[key]["value"] == summary[key]


def test_the_metric_is_logged_once_and_is_in_the_summary(three: Machine) -> None:
    run = three.backend.runs["trial000"]
    bits = json.loads((three.directory("trial000") / "summary.json").read_text())["bits_per_parameter"]
    metric = three.backend.sweep["metric"]["name"]
    assert rows(run, metric) == {60: bits}
    assert run.summary[metric] == bits
    assert rows(run, "val/bits_per_parameter")[60] == pytest.approx(bits, rel=1e-6)
    assert list(rows(run, "media/learning_curve")) == [60]
    (plot,) = (content for name, content in run.files.items() if name.endswith(".png"))
    assert plot.startswith(b"\x89PNG")


def test_an_infeasible_trial_is_finished_and_an_error_is_failed(three: Machine) -> None:
    good, diverged, broken = three.backend.runs.values()
    assert (good.exit_codes, diverged.exit_codes, broken.exit_codes) == ([0], [0], [1])
    assert good.summary["final/feasible"] is True
    assert diverged.summary["final/feasible"] is False
    assert diverged.summary["final/bits_per_parameter"] == 0
    assert diverged.summary["final/diverged_at"] >= 1
    assert not any(key.startswith("final/") for key in broken.summary)
    assert "RuntimeError: the disk is full" in broken.output


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Three trials of two processes each, run by an agent; the server stopped the second, the third failed."""
    folder = tmp_path_factory.mktemp("together")
    sweep = yaml.safe_load(Path(__file__).with_name("wandb_sweep.yaml").read_text())
    fails = {"class_path": "tests.wandb_callbacks.Fails", "init_args": {"step": 40, "rank": 1}}
    for name, values in {
        "trainer.strategy": ["ddp"],
        "trainer.devices": [2],
        "trainer.accelerator": ["cpu"],
        "trainer.max_steps": [60, 10_000_000, 60],
        "trainer.val_check_interval": [1, 10, 1],
        "trainer.callbacks": [*[[{"class_path": "tests.wandb_callbacks.Witness"}]] * 2, [fails]],
        "model.init_args.optimizer.class_path": ["torch.optim.Adam"],
        "model.init_args.optimizer.init_args.lr": [0.0025, 0.001],
    }.items():
        sweep["parameters"][name] = {"values": values}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep))

    def stop(run: Run) -> bool:
        return run.id == "trial001" and machine.steps_saved(run.id) > 0

    with Backend(stop) as backend, Machine(folder, backend) as machine:
        assert machine.agent(folder / "sweep.yaml", 3).wait(PATIENCE) == 0
        yield machine


@pytest.mark.parametrize(
    ("trial", "cell", "rates"),
    [("trial000", "MinimalGatedUnit", [0.00025, 0.0025, 0.0025]), ("trial001", "IRNNCell", [0.001])],
)
def test_two_processes_train_with_the_same_hyperparameters(
    together: Machine, trial: str, cell: str, rates: list[float]
) -> None:
    first, second = (json.loads((together.folder / f"{rank}-of-{trial}.json").read_text()) for rank in range(2))
    assert first == second
    assert (first["cell"], first["processes"]) == (cell, 2)
    assert first["rates"] == pytest.approx(rates)


def test_two_processes_are_one_run(together: Machine) -> None:
    run = together.backend.runs["trial000"]
    assert list(rows(run, "train/loss")) == list(rows(run, "val/bits_per_parameter")) == [20, 40, 60]
    assert list(rows(run, "final/bits_per_parameter")) == [60]
    assert list(together.backend.runs) == ["trial000", "trial001", "trial002"]
    assert together.backend.unknown == []


def test_a_stop_from_the_server_ends_both_processes_with_a_checkpoint(together: Machine) -> None:
    stopped = together.backend.runs["trial001"]
    assert together.backend.runs["trial000"].exit_codes == stopped.exit_codes == [0]
    steps = list(rows(stopped, "train/loss"))
    assert steps == list(range(20, together.steps_saved("trial001") + 1, 20))
    assert f"SIGTERM after {steps[-1]} optimizer steps" in stopped.output
    assert not any(key.startswith("final/") for key in stopped.summary)


def test_an_error_in_the_second_process_is_a_failed_run(together: Machine) -> None:
    failed = together.backend.runs["trial002"]
    assert failed.exit_codes == [1]
    assert list(rows(failed, "train/loss"))[-1:] == [40]
    assert not any(key.startswith("final/") for key in failed.summary)
    assert "RuntimeError: the disk is full" in (together.folder / "output.txt").read_text()


@pytest.fixture(scope="module")
def preempted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A trial of the shipped Hyperband sweep that was preempted, resumed, and stopped by the server."""

    def stop(run: Run) -> bool:
        return run.starts == 2 and machine.steps_saved(run.id) > preempted_at + 300

    with Backend(stop) as backend, Machine(tmp_path_factory.mktemp("preempted"), backend) as machine:
        agent = machine.agent(CONFIGS / "sweeps" / "capacity_hyperband.yaml", 2)
        wait_for(lambda: machine.steps_saved("trial000"))
        (program,) = (
            child for child in children(agent.pid) if b"rnn_capacity" in Path(f"/proc/{child}/cmdline").read_bytes()
        )
        os.kill(program, signal.SIGUSR1)
        wait_for(lambda: backend.runs["trial000"].exit_codes)
        preempted_at = machine.steps_saved("trial000")
        assert agent.wait(PATIENCE) == 0
        yield machine


def test_a_preempted_trial_resumes_as_the_same_run(preempted: Machine) -> None:
    assert list(preempted.backend.runs) == ["trial000"]
    run = preempted.backend.runs["trial000"]
    assert (run.starts, run.exit_codes) == (2, [75, 0])
    steps = list(rows(run, "train/loss"))
    assert steps == list(range(50, preempted.steps_saved("trial000") + 1, 50))
    assert [row["_step"] for row in run.history] == list(range(len(run.history)))
    assert "SIGUSR1 after" in run.output
    assert f"SIGTERM after {steps[-1]} optimizer steps" in run.output
    with (preempted.directory("trial000") / "metrics.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]] == steps


def test_hyperband_finds_a_row_with_its_metric_at_each_validation(preempted: Machine) -> None:
    sweep = preempted.backend.sweep
    assert sweep["early_terminate"] == {"type": "hyperband", "min_iter": 5, "eta": 3}
    run = preempted.backend.runs["trial000"]
    measured = rows(run, sweep["metric"]["name"])
    assert len(measured) >= 2
    assert list(measured) == list(range(300, preempted.steps_saved("trial000") + 1, 300))  # whole calls of 50
    assert run.summary[sweep["metric"]["name"]] == {"max": max(measured.values())}


def test_a_stop_in_the_browser_ends_a_run_without_an_agent(tmp_path: Path) -> None:
    options = ["--trainer.max_steps=10_000_000", "--trainer.val_check_interval=10", "--trainer.logger=WandbLogger"]
    config = ["--config", "random_mapping", "--run=stopped"]
    with Backend() as backend, Machine(tmp_path, backend) as machine:
        process = machine.start("rnn-capacity", "fit", *config, *options)
        wait_for(lambda: machine.steps_saved("stopped"))
        backend.stop_from_page |= backend.runs.keys()
        code = process.wait(PATIENCE)
    (run,) = backend.runs.values()
    assert (code, run.exit_codes) == (130, [130])
    assert list(rows(run, "train/loss")) == list(range(50, machine.steps_saved("stopped") + 1, 50))
