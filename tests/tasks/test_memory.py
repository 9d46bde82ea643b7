from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.models import Initialization, RecurrentNetwork
from rnn_capacity.tasks import Memory
from rnn_capacity.training import Batch, BatchSource, RecurrentModule, Split
from tests.program import CONFIGS, Runner

CPU = torch.device("cpu")
TOY = ["--data.input_size=6", "--data.steps=3", "--data.evaluation_samples=100", "--data.batch_size=16"]


def source(task: Memory, rank: int = 0, world_size: int = 1) -> BatchSource:
    return task.batch_source(CPU, torch.float64, rank, world_size)


def evaluated(task: Memory, split: Split, rank: int = 0, world_size: int = 1) -> Tensor:
    return torch.cat([batch.targets for batch in source(task, rank, world_size).evaluation_batches(split)])


def rows(values: Tensor) -> set[tuple[float, ...]]:
    return set(map(tuple, values.tolist()))


def test_the_values_are_uniform_with_mean_zero_and_variance_one() -> None:
    values = source(Memory(batch_size=20_000)).batch(0).targets
    sorted_values = values.flatten().sort().values / math.sqrt(3)  # U(-1, 1), whose k-th of N is about 2k/N - 1
    uniform = torch.linspace(-1, 1, values.numel(), dtype=values.dtype)
    assert float((sorted_values - uniform).abs().max()) < 0.005
    assert float(values.mean()) == pytest.approx(0, abs=0.005)
    assert float(values.square().mean()) == pytest.approx(1, abs=0.005)
    assert float(torch.corrcoef(values.T).triu(1).abs().max()) < 0.05


def test_the_inputs_are_the_targets_at_one_step() -> None:
    batch = source(Memory(input_size=5, batch_size=7)).batch(3)
    assert torch.equal(batch.inputs, batch.targets.unsqueeze(1))
    assert batch.inputs.shape == (7, 1, 5)


def test_a_batch_does_not_depend_on_earlier_batches() -> None:
    task = Memory(input_size=3, batch_size=8, seed=6)
    in_order = source(task)
    expected = [in_order.batch(step).targets for step in range(10)]
    out_of_order = source(task)
    for step in (9, 0, 5, 9, 1):
        assert torch.equal(out_of_order.batch(step).targets, expected[step])


def test_no_sample_occurs_twice() -> None:
    task = Memory(input_size=3, batch_size=50, evaluation_samples=200)
    drawn = [rows(source(task).batch(step).targets) for step in range(20)]
    drawn += [rows(evaluated(task, "val")), rows(evaluated(task, "test"))]
    drawn += [rows(source(replace(task, seed=1)).batch(step).targets) for step in range(20)]
    assert len(set().union(*drawn)) == 40 * 50 + 2 * 200


@pytest.mark.parametrize("world_size", [2, 3])
def test_each_rank_has_every_nth_sample_of_batch_and_evaluation_set(world_size: int) -> None:
    task = Memory(input_size=3, batch_size=25, evaluation_samples=10_000)  # evaluated in parts
    for step in (0, 8):
        whole = source(task).batch(step)
        for rank in range(world_size):
            share = source(task, rank, world_size).batch(step)
            assert torch.equal(share.targets, whole.targets[rank::world_size])
            assert share.size == whole.size == 25
    for split in ("val", "test"):
        fixed = evaluated(task, split)
        assert len(fixed) == 10_000
        for rank in range(world_size):
            assert torch.equal(evaluated(task, split, rank, world_size), fixed[rank::world_size])


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "intersection"])
@pytest.mark.parametrize("show", ["first", "every"])
def test_the_input_is_shown_at_the_first_or_every_step_and_the_last_is_scored(
    show: Literal["first", "every"], cell: str
) -> None:
    task = Memory(input_size=6, steps=4, show=show, batch_size=9)
    network = RecurrentNetwork(cell, 2, 6, 5, 6, seed=1).double()
    batch = source(task).batch(0)
    shown = torch.zeros(9, 4, 6, dtype=torch.float64)
    for step in range(4 if show == "every" else 1):
        shown[:, step] = batch.targets
    expected = network(shown)[0][:, -1:]
    torch.testing.assert_close(task.predict(network, batch)[0], expected, rtol=1e-12, atol=1e-13)


def test_the_loss_is_the_mean_squared_error_per_dimension() -> None:
    task = Memory(input_size=4, batch_size=30)
    batch = source(task).batch(0)
    predictions = torch.randn(30, 1, 4, dtype=torch.float64)
    by_hand = [
        sum((prediction - target) ** 2 for prediction, target in zip(row, targets, strict=True)) / 4
        for row, targets in zip(predictions.squeeze(1).tolist(), batch.targets.tolist(), strict=True)
    ]
    losses = task.loss_per_sample(predictions, batch)
    assert losses.tolist() == pytest.approx(by_hand, rel=1e-12)
    metric = task.make_metric(RecurrentNetwork("rnn", 1, 4, 3, 4))
    task.update_metric(metric, predictions, batch)
    assert metric.compute()["mse"] == pytest.approx(sum(by_hand) / 30, rel=1e-6)


def test_the_baseline_is_that_of_predicting_zero() -> None:
    task = Memory(input_size=4, evaluation_samples=100_000)
    metric = task.make_metric(RecurrentNetwork("rnn", 1, 4, 3, 4))
    losses = []
    for batch in source(task).evaluation_batches("test"):
        zero = torch.zeros(len(batch.targets), 1, 4, dtype=torch.float64)
        losses.append(task.loss_per_sample(zero, batch))
        task.update_metric(metric, zero, batch)
    assert float(torch.cat(losses).mean()) == pytest.approx(task.baseline_loss, abs=0.01)
    assert metric.compute() == pytest.approx(task.baseline_metrics(), abs=0.03)


@pytest.mark.parametrize(
    ("cell", "depth", "state_reals"), [("rnn", 1, 5), ("gru", 3, 15), ("lstm", 1, 10), ("lstm", 2, 20)]
)
def test_reals_are_counted_per_unit_of_a_layer_and_per_real_of_all_layers(
    cell: str, depth: int, state_reals: int
) -> None:
    task = Memory(input_size=8)
    metric = task.make_metric(RecurrentNetwork(cell, depth, 8, 5, 8))
    target = torch.randn(3, 8)
    task.update_metric(metric, target.unsqueeze(1), Batch(target.unsqueeze(1), target, 3))
    assert metric.compute() == pytest.approx(
        {
            "mse": 0.0,
            "dimensions_recovered": 8.0,
            "reals_per_unit": 8 / 5,
            "reals_per_state_real": 8 / state_reals,
        }
    )


@pytest.mark.parametrize("cell", ["rnn", "gru"])
@pytest.mark.parametrize("units", [4, 12])
def test_trained_cells_reach_the_theoretical_error(units: int, cell: str) -> None:
    task = Memory(input_size=8, steps=6, batch_size=64, evaluation_samples=2000)
    module = RecurrentModule(
        cell=cell,
        hidden_size=units,
        input_size=8,
        output_size=8,
        b_fg=4.0,
        initialization=Initialization(input_scale=0.01, readout_scale=10.0),
        optimizer=lambda parameters: Adam(parameters, lr=0.01),
        schedule=CosineAnnealingLR,
    )
    optimizer, schedule = module.build_optimizer(400)
    assert schedule is not None
    data = source(task)
    module.double()
    for step in range(400):
        batch = data.batch(step)
        loss = task.loss_per_sample(task.predict(module.network, batch)[0], batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    metric = task.make_metric(module.network)
    with torch.no_grad():
        for batch in data.evaluation_batches("test"):
            task.update_metric(metric, task.predict(module.network, batch)[0], batch)
    assert metric.compute()["mse"] == pytest.approx(theoretical_mse(units, 8), abs=0.05)


def test_the_summary_has_the_metrics_of_the_checkpoint(runner: Runner) -> None:
    options = ["--model.max_parameters=150", "--trainer.max_steps=40", "--trainer.val_check_interval=1", *TOY]
    summary = runner("fit", "--config", CONFIGS / "memory.yaml", *options)
    assert summary["samples"] is None
    assert summary["mse"] == pytest.approx(summary["loss"], rel=1e-5)
    assert summary["reals_per_unit"] == pytest.approx(summary["dimensions_recovered"] / summary["units"])
    again = runner("test", "--ckpt_path", summary["run"] / "checkpoints" / "last.ckpt")
    assert again["mse"] == summary["mse"]


def test_a_diverged_run_recovers_nothing(runner: Runner) -> None:
    options = ["--model.max_parameters=150", "--trainer.max_steps=20", "--trainer.val_check_interval=1", *TOY]
    options += ["--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=1e9", "--model.nonlinearity=relu"]
    summary = runner("fit", "--config", CONFIGS / "memory.yaml", *options)
    assert not summary["feasible"]
    assert (summary["mse"], summary["loss"]) == (1.0, 1.0)
    assert summary["dimensions_recovered"] == summary["reals_per_unit"] == summary["reals_per_state_real"] == 0


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("input_size", 0, 1), ("steps", 0, 1), ("batch_size", 0, 1), ("evaluation_samples", -2, 1), ("seed", -1, 0)],
)
def test_arguments_out_of_range_are_rejected(name: str, value: int, least: int) -> None:
    arguments: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} must be at least {least}, got {value}"):
        Memory(**arguments)
