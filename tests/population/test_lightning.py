"""A population is a LightningModule, trained by a Trainer with its device, loggers and callbacks."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger

from rnn_capacity.population import EndlessCallLoader, Member, Population, quiet_trainer, train
from tests.population.members import alone, member, weights


def trainer(**options: Any) -> Trainer:
    quiet: dict[str, Any] = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return Trainer(accelerator="cpu", devices=1, max_epochs=1, **{**quiet, "logger": False, **options})


class Seen(Callback):
    """Records the calls and the logged loss of each."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        self.steps.append(trainer.global_step)
        self.losses.append(float(trainer.callback_metrics["population/loss"]))


def test_every_call_logs_steps_members_and_loss(tmp_path: Path) -> None:
    logger = CSVLogger(str(tmp_path))
    members = [member(0, 120), member(1, 30), member(2, 60, "gru")]
    results = train(members, trainer(logger=logger, log_every_n_steps=1))
    with open(Path(logger.log_dir) / "metrics.csv", newline="") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    found = [
        tuple(int(float(row[f"population/{name}"])) for name in ("step", "training", "done"))
        for row in rows
        if "population/step" in row
    ]
    first = [(30, 2, 0), (80, 1, 1), (120, 1, 1)]
    second = [(50, 1, 0), (60, 1, 0)]
    behind = [(step, training, done + 2) for step, training, done in second]
    ahead = [(step, training, done + 1) for step, training, done in first]
    assert found in (first + behind, second + ahead)  # whichever cell comes first
    losses = [float(row["population/loss"]) for row in rows if "population/loss" in row]
    assert len(losses) == 5
    assert all(0 < loss < 2 for loss in losses)
    assert all(result["feasible"] for result in results)


def test_the_logged_loss_is_the_median_over_members(tmp_path: Path) -> None:
    seen = Seen()
    train([member(index, 50) for index in range(3)], trainer(callbacks=[seen], logger=CSVLogger(str(tmp_path))))
    solo = []
    for index in range(3):
        alone_seen = Seen()
        train([member(index, 50)], trainer(callbacks=[alone_seen], logger=CSVLogger(str(tmp_path))))
        solo += alone_seen.losses
    assert seen.losses == [pytest.approx(sorted(solo)[1], rel=1e-6)]
    assert seen.steps == [1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": 2}, "devices must be 1, since a population trains on one device, got 2"),
        ({"precision": "bf16-mixed"}, "precision must be 32-true or 64-true, got 'bf16-mixed'"),
        ({"precision": "16-true"}, "precision must be 32-true or 64-true, got '16-true'"),
    ],
)
def test_unsuitable_trainers_are_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        train([member(0, 5)], quiet_trainer(**options))
    assert str(caught.value) == message


def test_a_trainer_that_ends_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="trainer must train all members, got 1 of 2 unfinished"):
        train([member(0, 200), member(1, 40)], trainer(max_steps=2))


def test_members_that_only_fit_can_train_are_trained_last() -> None:
    members = [member(0, 20, dropout=0.2, depth=2), member(1, 20)]
    seen: list[int] = []
    results = train(members, on_result=lambda index, result: seen.append(index))
    assert seen == [1, 0]
    assert [result["steps"] for result in results] == [20, 20]


def test_a_trainer_with_64_true_trains_in_float64() -> None:
    def make(index: int) -> Member:
        one = member(index, 20, "lstm")
        one.module.float()
        return one

    together = [make(index) for index in range(2)]
    train(together, quiet_trainer(precision="64-true"))
    for index, one in enumerate(together):
        assert {part.dtype for part in one.module.network.parameters()} == {torch.float64}
        solo = make(index)
        solo.module.double()
        torch.testing.assert_close(weights(one), alone(solo)[0], rtol=1e-11, atol=1e-11)


def test_a_population_of_float32_members_trains_in_float32() -> None:
    def make(index: int) -> Member:
        one = member(index, 20, "lstm")
        one.module.float()
        return one

    together = [make(index) for index in range(2)]
    train(together)
    for index, one in enumerate(together):
        assert weights(one).dtype == torch.float32
        torch.testing.assert_close(weights(one), alone(make(index))[0], rtol=1e-5, atol=2e-6)


def test_each_process_of_a_cluster_trains_its_own_population(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NTASKS", "4"), ("PROCID", "2"), ("LOCALID", "2"), ("JOB_ID", "7"), ("NODEID", "0")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURM_JOB_NAME", "study")
    results = train([member(0, 10), member(1, 10, dropout=0.1, depth=2)])
    assert [result["steps"] for result in results] == [10, 10]


def test_a_member_without_steps_is_rejected_and_an_empty_population_is_not() -> None:
    with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
        member(0, 0)
    assert train([]) == []


def test_a_trainer_can_fit_a_population_directly() -> None:
    population = Population([member(0, 20)])
    trainer().fit(population, train_dataloaders=EndlessCallLoader())
    assert list(population.results) == [0]
