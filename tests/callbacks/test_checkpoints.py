"""`checkpoints/last.ckpt` holds the end of a run, whatever other callbacks save."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import Timer

from rnn_capacity.callbacks import LastCheckpoint
from rnn_capacity.cli import main
from rnn_capacity.runs import RunLogger
from rnn_capacity.training import RecurrentModule
from tests.program import Runner, forked

Toy = Callable[..., list[str]]

METRICS = ("accuracy", "stored_bits", "bits_per_parameter", "likelihood_bits", "loss", "steps")

USERS: dict[str, dict[str, Any]] = {
    "best": {"monitor": "val/loss", "mode": "min", "save_top_k": 2},
    "last too": {"monitor": "val/loss", "save_last": True},
    "every call": {"every_n_train_steps": 1, "save_top_k": -1, "save_last": True},
    "weights only": {"every_n_train_steps": 1, "save_weights_only": True},
    "none": {"save_top_k": 0, "save_last": True},
}


WITH_EVERYTHING = [
    "--trainer.callbacks=[{class_path: ModelCheckpoint, init_args: {monitor: val/loss}}, LearningRateMonitor, "
    "DeviceStatsMonitor]"
]


def checkpointing(name: str) -> list[str]:
    """The option that gives a run one more checkpoint callback."""
    callback = {"class_path": "pytorch_lightning.callbacks.ModelCheckpoint", "init_args": USERS[name]}
    return [f"--trainer.callbacks={json.dumps([callback])}"]


def steps_of(run: Path, metric: str) -> list[int]:
    with (run / "metrics.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row[metric]]


def last(run: Path) -> dict[str, Any]:
    checkpoint: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


@pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization")  # which `fit` uses
@pytest.mark.parametrize("name", USERS)
@pytest.mark.parametrize("validation", [["--trainer.val_check_interval=2"], ["--trainer.limit_val_batches=0"]])
def test_the_last_checkpoint_is_the_end_of_the_run_beside_any_other(
    name: str, validation: list[str], runner: Runner, toy: Toy
) -> None:
    if "monitor" in USERS[name] and "limit" in validation[0]:
        pytest.skip("no validation computes the metric")
    trained = runner("fit", *toy(), *checkpointing(name), *validation, "--trainer.accelerator=cpu")
    assert last(trained["run"])["global_step"] == 60
    assert [path.name for path in trained["run"].rglob("last*")] == ["last.ckpt"]
    measured = runner("test", "--ckpt_path", trained["run"] / "checkpoints" / "last.ckpt")
    assert {key: measured[key] for key in METRICS} == {key: trained[key] for key in METRICS}


def killed(step: int, name: str) -> str:
    told = {"class_path": "tests.wandb_callbacks.Signalled", "init_args": {"step": step, "name": name}}
    return f"--trainer.callbacks+={json.dumps(told)}"


@pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization")  # which `fit` uses
def test_the_last_checkpoint_follows_every_other(runner: Runner, toy: Toy) -> None:
    more = [*checkpointing("every call"), killed(60, "SIGKILL"), "--trainer.limit_val_batches=0"]
    assert forked(["fit", *toy(), *more, *runner.quiet()]).returncode == -signal.SIGKILL
    assert last(runner.runs()[0])["global_step"] == 40


@pytest.mark.parametrize("kernel", ["", "off"])
def test_a_run_that_is_killed_again_and_again_ends_as_an_uninterrupted_one(
    kernel: str, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")
    from check_resume import Case, Runs, difference

    options = [*toy(), "--data.batch_size=50", "--trainer.val_check_interval=2", *checkpointing("last too")]
    runs = Runs(Case("random_mapping", tuple(options), kernel), tmp_path)
    assert not runs.start("whole")
    for step, name in ((20, "SIGTERM"), (40, "SIGKILL"), (60, "SIGKILL"), (61, "SIGKILL")):
        runs.case = Case("random_mapping", (*options, killed(step, name)), kernel)
        assert runs.start("told") == (name == "SIGKILL" and step <= 60)
    assert difference(runs.folder("told"), runs.folder("whole")) == ""
    steps = [steps_of(runs.folder("told"), key) for key in ("train/loss", "val/loss", "final/loss")]
    assert steps == [[20, 40, 60], [40], [60]]


ENDINGS = {
    "diverging": ["--model.optimizer=SGD", "--model.optimizer.lr=1e4"],
    "stopped early": [
        "--trainer.callbacks=[{class_path: EarlyStopping, init_args: {monitor: val/loss, min_delta: 9}}]"
    ],
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_training_that_had_ended_makes_no_more_steps_when_its_run_resumes(
    ending: str, runner: Runner, toy: Toy, tmp_path: Path
) -> None:
    options = [*toy(), *ENDINGS[ending], "--trainer.max_steps=400", "--trainer.val_check_interval=2"]
    whole = Runner(tmp_path / "whole")("fit", *options)
    assert whole["steps"] < 400
    run = runner.root / "random_mapping" / "told"
    command = ["fit", *options, *runner.quiet(), "--run=told"]
    with pytest.raises(RuntimeError, match="the machine failed"):
        main([*command, "--trainer.callbacks+=tests.interruption.FailBeforeTest"])
    main(command)
    assert steps_of(run, "train/loss") == steps_of(whole["run"], "train/loss")
    summary = json.loads((run / "summary.json").read_text())
    assert {key: summary[key] for key in (*METRICS, "diverged_at")} == {
        key: whole[key] for key in (*METRICS, "diverged_at")
    }
    for weight, value in last(whole["run"])["state_dict"].items():
        assert torch.equal(last(run)["state_dict"][weight], value)


def test_a_torn_row_is_removed_on_resuming_although_all_others_stay(tmp_path: Path) -> None:
    first = RunLogger(str(tmp_path), "task", "name")
    first.log_metrics({"train/loss": 0.5}, step=20)
    first.save()
    path = tmp_path / "task" / "name" / "metrics.csv"
    path.write_text(path.read_text() + "4")
    second = RunLogger(str(tmp_path), "task", "name")
    second.resume_at(20)
    second.log_metrics({"train/loss": 0.25}, step=40)
    second.save()
    assert steps_of(path.parent, "train/loss") == [20, 40]


def test_rows_after_the_checkpoint_and_torn_rows_are_removed_on_resuming(tmp_path: Path) -> None:
    def logger() -> RunLogger:
        return RunLogger(str(tmp_path), "task", "name")

    first = logger()
    for step in (20, 40, 60):
        first.log_metrics({"train/loss": step / 100}, step=step)
        first.log_metrics({"val/loss": step / 50}, step=step)
    first.log_metrics({"test/loss": 1.0}, step=60)
    first.save()
    path = tmp_path / "task" / "name" / "metrics.csv"
    path.write_text(path.read_text() + "4")
    second = logger()
    second.resume_at(60)
    assert steps_of(path.parent, "train/loss") == steps_of(path.parent, "val/loss") == [20, 40, 60]
    assert steps_of(path.parent, "test/loss") == []
    second.resume_at(40)
    second.log_metrics({"val/loss": 5.0}, step=60)
    second.save()
    assert steps_of(path.parent, "val/loss") == [20, 40, 60]
    logger().resume_at(None)
    assert steps_of(path.parent, "val/loss") == []


def test_a_run_killed_before_its_first_checkpoint_starts_with_an_empty_table(runner: Runner, toy: Toy) -> None:
    run = runner.root / "random_mapping" / "told"
    run.mkdir(parents=True)
    (run / "metrics.csv").write_text("step,train/loss\n20,0.5\n40,0.4\n")
    main(["fit", *toy(), *runner.quiet(), "--run=told"])
    assert steps_of(run, "train/loss") == [20, 40, 60]


@pytest.mark.parametrize("command", ["validate", "test"])
def test_an_evaluation_drops_the_callbacks_of_the_training(command: str, runner: Runner, toy: Toy) -> None:
    trained = runner("fit", *toy(), *WITH_EVERYTHING)
    measured = runner(command, "--ckpt_path", trained["run"] / "checkpoints" / "last.ckpt")
    assert {key: measured[key] for key in METRICS} == {key: trained[key] for key in METRICS}


def test_predict_drops_the_callbacks_of_the_training(
    runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*toy("language"), *WITH_EVERYTHING, "--data.sample_length=7", "--data.prompt=a"]
    trained = runner("fit", *options)
    capsys.readouterr()
    main(["predict", *options, *runner.quiet(), f"--ckpt_path={trained['run'] / 'checkpoints' / 'last.ckpt'}"])
    assert len(capsys.readouterr().out) > 7


@pytest.mark.parametrize(
    "option", ["--trainer.logger=false", "--trainer.fast_dev_run=true", "--trainer.enable_checkpointing=false"]
)
def test_a_run_that_saves_nothing_drops_the_checkpoint_callbacks(option: str, runner: Runner, toy: Toy) -> None:
    main(["fit", *toy(), *WITH_EVERYTHING, *runner.quiet(), option])
    assert not list(runner.root.rglob("*.ckpt"))


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_a_progress_bar_of_the_config_replaces_ours(
    enabled: str, runner: Runner, toy: Toy, capfd: pytest.CaptureFixture[str]
) -> None:
    bar = "--trainer.callbacks=[{class_path: TQDMProgressBar, init_args: {refresh_rate: 1}}]"
    summary = runner("fit", *toy(), bar, f"--trainer.enable_progress_bar={enabled}")
    assert summary["steps"] == 60
    capfd.readouterr()
    main(["fit", *toy(), bar, f"--trainer.default_root_dir={runner.root}", f"--trainer.enable_progress_bar={enabled}"])
    shown = capfd.readouterr()
    assert ("Epoch 0" in shown.out + shown.err) == (enabled == "true")  # ours says Training


@pytest.mark.parametrize(("left", "stopped"), [(None, True), (5.0, True), (0.0, False), (-2.0, False)])
def test_a_run_that_has_no_time_left_is_not_stored_as_stopped(
    left: float | None, stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    timer = Timer(duration={"seconds": 10})
    monkeypatch.setattr(timer, "time_remaining", lambda: left)
    trainer: Any = SimpleNamespace(global_step=3, should_stop=True, callbacks=[timer])
    checkpoint: dict[str, Any] = {}
    LastCheckpoint().on_save_checkpoint(trainer, RecurrentModule(hidden_size=2), checkpoint)
    assert checkpoint == {"stopped": stopped}
