"""Searches in W&B: a run with one history row per trial, and an agent's trial that is a whole study.

The agent runs against a server on loopback, which shows the plumbing and not how W&B chooses; see test_wandb_agent.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import FrozenTrial

from rnn_capacity.cli import main
from rnn_capacity.studies import Study, feasible, metrics
from tests.program import CONFIGS
from tests.search.toy_search import LR, SAMPLES, ToySearch
from tests.studies.grid import counts
from tests.wandb_backend import SWEEP, Backend, Run
from tests.wandb_machine import PATIENCE, Machine, children, defined, go_offline, sync, wait_for

SHIPPED = CONFIGS / "sweeps" / "capacity_by_cell.yaml"


def rows(run: Run, key: str) -> list[dict[str, Any]]:
    """The rows of a run's history that contain a key."""
    return [row for row in run.history if key in row]


def assert_tells_of(run: Run, study: Study) -> None:
    """Check that a run has one row for each trial of a study, and once the metrics of the best trial."""
    trials = {trial.number: trial for trial in study.snapshot().trials}
    found = {row["trial/number"]: row for row in rows(run, "trial/value")}
    assert len(rows(run, "trial/value")) == len(found)
    assert found.keys() == trials.keys()
    for number, row in found.items():
        assert row["trial/value"] == trials[number].value
        assert row["trial/feasible"] is feasible(trials[number])
        assert row["swept/lr"] == trials[number].params[LR]
        assert row["swept/samples_per_parameter"] == trials[number].params[SAMPLES]
    (best,) = study.snapshot().best(1)
    (final,) = rows(run, "final/bits_per_parameter")
    assert final["final/bits_per_parameter"] == run.summary["final/bits_per_parameter"] == best.value
    assert final["final/parameters"] == run.summary["final/parameters"] == metrics(best)["parameters"]
    assert run.summary["final/feasible"] is True
    assert run.summary["trial/value"] == run.summary["best/value"] == {"max": best.value}
    assert "swept/lr" not in run.summary  # the last trial's, which says nothing
    assert run.summary["best/lr"] == best.params[LR]
    (table,) = (json.loads(content) for name, content in run.files.items() if name.endswith(".table.json"))
    assert [row[table["columns"].index("value")] for row in table["data"]] == [
        trial.value for trial in study.snapshot().trials
    ]
    (picture,) = (content for name, content in run.files.items() if name.endswith(".png"))
    assert picture.startswith(b"\x89PNG")


@pytest.fixture
def searching(toy: Callable[..., list[str]], tmp_path: Path) -> ToySearch:
    return ToySearch(toy, tmp_path)


@pytest.fixture
def search(searching: ToySearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that runs a search over toy configs with an offline W&B run of the study's name."""
    go_offline(monkeypatch)
    logger = ["--trainer.logger=WandbLogger", f"--trainer.logger.save_dir={tmp_path}", "--trainer.logger.project=toys"]

    def search(name: str, *options: str, **changed: Any) -> None:
        own = [f"--study={name}", f"--trainer.logger.id={name}", "--trials=4"]
        main(["search", *searching.options(*logger, *own, *options, **changed)])

    return search


def test_searches_of_one_process_are_separate_runs(
    search: Callable[..., None],
    searching: ToySearch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    search("first")
    least = {"name": "final/loss", "goal": "minimize"}
    search("second", metric=least)
    finish = Study.finish

    def stopping(name: str) -> Callable[..., FrozenTrial | None]:
        def stop_then_finish(self: Study, trial: FrozenTrial, *result: Any) -> FrozenTrial | None:
            if trial.number == 0:
                os.kill(os.getpid(), signal.Signals[name])
            return finish(self, trial, *result)

        return stop_then_finish

    def failing(*_: Any) -> bool:
        raise RuntimeError("the disk is full")

    for name, code in (("SIGTERM", 0), ("SIGINT", 130), ("SIGUSR1", 75)):
        monkeypatch.setattr(Study, "finish", stopping(name))
        with pytest.raises(SystemExit) as stop:
            search(name, "--population=2")
        assert stop.value.code == code
    monkeypatch.setattr(Study, "finish", failing)
    with pytest.raises(SystemExit) as stop:
        search("broken")
    assert stop.value.code == 1
    assert "RuntimeError: the disk is full" in capsys.readouterr().err
    monkeypatch.setattr(Study, "finish", finish)
    search("SIGUSR1", "--population=2")  # goes on

    runs = sync(tmp_path)
    codes = {"first": [0], "second": [0], "SIGTERM": [0], "SIGINT": [130], "SIGUSR1": [75, 0], "broken": [1]}
    assert {name: run.exit_codes for name, run in runs.items()} == codes
    assert {run.project for run in runs.values()} == {"toys"}
    assert_tells_of(runs["first"], searching.study("first"))
    losses = [row["trial/value"] for row in rows(runs["second"], "trial/value")]
    assert runs["second"].summary["best/value"] == {"min": min(losses)}
    assert runs["second"].summary["final/loss"] == min(losses)
    axes = defined(runs["first"])
    for name in ("trial/value", "trial/feasible", "best/value", "swept/lr", "final/*"):
        assert axes[name] == "trial/number"
    for name in ("SIGTERM", "SIGINT"):
        assert len(rows(runs[name], "trial/value")) == 2
        assert not any(key.startswith("final/") for key in runs[name].summary)
    assert runs["SIGUSR1"].preempting
    assert len({row["trial/number"] for row in rows(runs["SIGUSR1"], "trial/value")}) == 4
    assert len(rows(runs["SIGUSR1"], "final/bits_per_parameter")) == 1


def test_wandb_is_imported_only_for_its_logger(searching: ToySearch) -> None:
    code = "import sys; from rnn_capacity.cli import main; main(sys.argv[1:]); print('wandb' in sys.modules)"
    command = [sys.executable, "-c", code, "search", *searching.options("--trials=1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Two trials of the shipped sweep over cells, with toy configs: one finishes, one is preempted and stopped."""
    folder = tmp_path_factory.mktemp("studies")
    sweep = yaml.safe_load(SHIPPED.read_text())
    sweep["command"][sweep["command"].index("--trials") + 1] = "3"
    for name, values in {
        "model.init_args.max_parameters": [150],
        "trainer.max_steps": [60, 100_000],
        "trainer.accelerator": ["cpu"],
        "trainer.enable_progress_bar": [False],
    }.items():
        sweep["parameters"][name] = {"values": values}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep))

    def running(name: str) -> bool:
        try:
            return len(study(machine, name).snapshot().running) == 3
        except ValueError:  # not made yet
            return False

    def stop(run: Run) -> bool:
        return run.id == "trial001" and run.starts == 2 and running(run.id)

    with Backend(stop) as backend, Machine(folder, backend) as machine:
        agent = machine.agent(folder / "sweep.yaml", 3)
        wait_for(lambda: running("trial001"))
        (program,) = (
            child for child in children(agent.pid) if b"rnn_capacity" in Path(f"/proc/{child}/cmdline").read_bytes()
        )
        os.kill(program, signal.SIGUSR1)
        assert agent.wait(PATIENCE) == 0
        yield machine


def study(machine: Machine, name: str) -> Study:
    return Study.open(f"sqlite:///{machine.folder / 'runs' / 'studies.db'}", name)


def test_a_trial_of_an_agent_is_a_whole_study(studies: Machine) -> None:
    backend = studies.backend
    assert backend.unknown == []
    assert list(backend.runs) == ["trial000", "trial001"]
    run = backend.runs["trial000"]
    assert (run.sweep, run.exit_codes) == (SWEEP, [0])
    assert_tells_of(run, study(studies, "trial000"))
    assert backend.sweep["metric"]["name"] in run.summary


@pytest.mark.parametrize(("trial", "cell", "depth"), [("trial000", "rnn", 1), ("trial001", "ugrnn", 2)])
def test_the_networks_of_a_study_have_the_hyperparameters_of_the_agent(
    trial: str, cell: str, depth: int, studies: Machine
) -> None:
    config = {key: entry["value"] for key, entry in studies.backend.runs[trial].config.items()}
    assert (config["model.init_args.cell"], config["model.init_args.depth"]) == (cell, depth)  # the agent's own words
    assert (config["cell"], config["depth"]) == (cell, depth)
    definition = study(studies, trial).specification
    for part in ("model", "data", "trainer"):
        assert config[part] == definition["config"][part]
    assert definition["config"]["model"]["init_args"]["cell"] == cell
    assert config["sweep"] == definition["sweep"]
    assert config["parameters"] <= 150


def test_a_preempted_study_resumes_and_a_stopped_one_is_finished(studies: Machine) -> None:
    run = studies.backend.runs["trial001"]
    assert (run.starts, run.exit_codes) == (2, [75, 0])
    # a line that W&B reads in two pieces it sends twice
    assert (
        run.output.count("0 of 3 trials are finished; go on, with --trainer.logger as before: rnn-capacity search") >= 2
    )
    assert not any(key.startswith("final/") for key in run.summary)
    assert counts(study(studies, "trial001"))[:3] == (0, 0, 3)
