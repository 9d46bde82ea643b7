"""Offline W&B runs (`WANDB_MODE=offline`), read by W&B's own `wandb sync`.

`wandb sync` sends what it reads to a server on loopback; how W&B's pages show it is not seen here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.program import TASKS, Runner, direction
from tests.wandb_backend import Run
from tests.wandb_machine import PATIENCE, defined, go_offline, sync

Toy = Callable[..., list[str]]
Synced = Callable[[], dict[str, Run]]


@pytest.fixture
def fit(runner: Runner, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """A function that trains a toy config of a task with an offline W&B run of the same number."""
    go_offline(monkeypatch)
    logger = ["--trainer.logger=WandbLogger", f"--trainer.logger.save_dir={tmp_path}", "--trainer.logger.project=toys"]

    def fit(task: str, name: str, *options: str) -> dict[str, Any]:
        return runner("fit", *toy(task), *logger, f"--trainer.logger.id={name}", *options)

    return fit


@pytest.fixture
def synced(tmp_path: Path) -> Synced:
    """A function that sends all offline runs to a server with `wandb sync`, and returns what the server received."""
    return lambda: sync(tmp_path)


def test_every_task_logs_its_metrics_with_their_axis_and_best_value(
    fit: Callable[..., dict[str, Any]], synced: Synced
) -> None:
    summaries = {task: fit(task, task) for task in TASKS}
    runs = synced()
    assert set(runs) == set(TASKS)
    for task, summary in summaries.items():
        run = runs[task]
        assert (run.project, run.exit_codes) == ("toys", [0])
        own = {key for key in summary if direction(key) and not key.startswith("val_")}
        expected = own | ({"entropy_rate"} & summary.keys())
        logged = {key for row in run.history for key in row}
        assert {key for key in logged if key.startswith("val/")} == {f"val/{key}" for key in expected}
        axes = defined(run)
        for metric in {key for key in logged if key.split("/")[0] in ("train", "val", "test")}:
            assert axes[metric] == "trainer/global_step"
            values = [row[metric] for row in run.history if metric in row]
            if best := direction(metric):
                assert run.summary[metric] == {best: {"max": max, "min": min}[best](values)}
        assert axes["final/*"] == "trainer/global_step"
        final = [row for row in run.history if any(key.startswith("final/") for key in row)]
        assert [row["trainer/global_step"] for row in final] == [60]
        for key, value in summary.items():
            if isinstance(value, (bool, int, float)):
                assert final[0][f"final/{key}"] == run.summary[f"final/{key}"] == value
        for key in ("task", "cell", "depth", "units", "parameters", "samples"):
            assert run.config[key]["value"] == summary.get(key)
        assert run.artifacts == (["run_table"] if task == "language" else [])


def test_runs_of_one_process_are_separate_runs_with_their_media(
    fit: Callable[..., dict[str, Any]], synced: Synced
) -> None:
    fit("random_mapping", "learnt")
    fit("memory", "remembered")
    fit("language", "written", "--data.prompt=a!b", "--data.sample_length=30", "--data.sample_seed=5")
    runs = synced()
    assert set(runs) == {"learnt", "remembered", "written"}
    for name, plot in (("learnt", "learning_curve"), ("remembered", "memory_curve")):
        assert runs[name].summary[f"media/{plot}"]["format"] == "png"
        (content,) = (content for path, content in runs[name].files.items() if path.endswith(".png"))
        assert content.startswith(b"\x89PNG")
    (table,) = (content for path, content in runs["written"].files.items() if path.endswith(".table.json"))
    texts = json.loads(table)
    assert texts["columns"] == ["temperature", "seed", "text"]
    assert [row[:2] for row in texts["data"]] == [[1, 5], [1, 6], [1, 7]]
    for *_, text in texts["data"]:
        assert text.startswith("ab")  # the alphabet has no exclamation mark
        assert len(text) == 32
    for run in runs.values():
        assert sum(any(key.startswith("media/") for key in row) for row in run.history) == 1


def test_a_diverged_language_model_generates_no_texts(fit: Callable[..., dict[str, Any]], synced: Synced) -> None:
    summary = fit("language", "diverged", "--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=1e30")
    assert not summary["feasible"]
    (run,) = synced().values()
    assert run.summary["final/feasible"] is False
    assert run.exit_codes == [0]
    assert not any(key.startswith("media/") for key in run.summary)


def test_checkpoints_are_artifacts_only_on_request(fit: Callable[..., dict[str, Any]], synced: Synced) -> None:
    fit("random_mapping", "not-asked")
    fit("random_mapping", "asked", "--trainer.logger.log_model=true")
    runs = synced()
    assert runs["not-asked"].artifacts == []
    assert set(runs["asked"].artifacts) == {"model"}


def test_a_failed_run_is_recorded_as_failed_and_the_next_is_not(
    fit: Callable[..., dict[str, Any]], synced: Synced, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        fit(
            "random_mapping", "broken", "--trainer.callbacks=tests.wandb_callbacks.Fails", "--trainer.callbacks.step=40"
        )
    assert stop.value.code == 1
    assert "RuntimeError: the disk is full" in capsys.readouterr().err
    fit("random_mapping", "whole")
    runs = synced()
    assert {name: run.exit_codes for name, run in runs.items()} == {"broken": [1], "whole": [0]}


def test_wandb_is_imported_only_for_its_logger(toy: Toy, tmp_path: Path) -> None:
    code = (
        "import sys; from rnn_capacity.cli import main\n"
        "try: main(['fit', '--model.help', 'RecurrentModule'])\n"
        "except SystemExit: main(sys.argv[1:])\n"
        "print('wandb' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "fit", *toy(), f"--trainer.default_root_dir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.splitlines()[-1] == "False"
