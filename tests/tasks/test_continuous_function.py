from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from rnn_capacity.metrics import implied_bits, sample_weights
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import ContinuousFunction
from rnn_capacity.tasks.continuous_function import BLOCK
from rnn_capacity.training import BatchSource

CPU = torch.device("cpu")


def source(task: ContinuousFunction, rank: int = 0, world_size: int = 1) -> BatchSource:
    return task.batch_source(CPU, torch.float64, rank, world_size)


def everything(task: ContinuousFunction) -> tuple[Tensor, Tensor]:
    """Inputs, (samples, d), and targets with weights, (samples, 2)."""
    batch = source(replace(task, batch_size=None)).batch(0)
    assert batch.weights is not None
    return batch.inputs[:, 0], torch.stack((batch.targets, batch.weights), 1)


def sample_indices(task: ContinuousFunction, inputs: Tensor) -> list[int]:
    """Indices of a batch's samples in the data set, by their first coordinates."""
    index_of = {value: index for index, value in enumerate(everything(task)[0][:, 0].tolist())}
    return [index_of[value] for value in inputs[:, 0, 0].tolist()]


def test_inputs_are_uniform_on_the_sphere_and_targets_have_variance_one() -> None:
    samples = 40_000
    inputs, targets = everything(ContinuousFunction(samples=samples, input_size=8))
    assert inputs.norm(dim=1).tolist() == pytest.approx([1.0] * samples, abs=1e-6)
    assert float(inputs.mean(0).abs().max()) < 4.5 * (8 * samples) ** -0.5
    assert float((inputs.T @ inputs / samples - torch.eye(8) / 8).abs().max()) < 5 * samples**-0.5 / 8
    values = targets[:, 0]
    assert float(values.mean()) == pytest.approx(0, abs=4 * samples**-0.5)
    assert float(values.var()) == pytest.approx(1, abs=4 * (2 / samples) ** 0.5)
    assert float((inputs * values.unsqueeze(1)).mean(0).abs().max()) < 4.5 * (8 * samples) ** -0.5


def test_a_smaller_set_is_the_beginning_of_a_larger_one() -> None:
    inputs, targets = everything(ContinuousFunction(samples=2 * BLOCK + 5, input_size=3, seed=4))
    fewer, fewer_targets = everything(ContinuousFunction(samples=BLOCK + 1, input_size=3, seed=4, tau=9.0, steps=2))
    assert torch.equal(fewer, inputs[: BLOCK + 1])
    assert torch.equal(fewer_targets[:, 0], targets[: BLOCK + 1, 0])
    assert len(inputs.unique(dim=0)) == 2 * BLOCK + 5  # no block repeats another
    others, _ = everything(ContinuousFunction(samples=BLOCK, input_size=3, seed=5))
    assert not bool((others == inputs[:BLOCK]).any())


def test_the_global_generator_is_not_used() -> None:
    state = torch.random.get_rng_state()
    source(ContinuousFunction(samples=10)).batch(3)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "intersection"])
@pytest.mark.parametrize("show", ["first", "every"])
def test_the_input_is_shown_at_the_first_or_every_step_and_the_last_is_scored(
    show: Literal["first", "every"], cell: str
) -> None:
    task = ContinuousFunction(samples=9, input_size=4, steps=6, show=show, batch_size=None)
    network = RecurrentNetwork(cell, 2, 4, 3, 1, seed=1).double()
    batch = source(task).batch(0)
    shown = torch.zeros(9, 6, 4, dtype=torch.float64)
    shown[:, : 6 if show == "every" else 1] = batch.inputs
    predictions = task.predict(network, batch)[0]
    torch.testing.assert_close(predictions, network(shown)[0][:, -1:], rtol=1e-12, atol=1e-13)


def test_the_loss_of_all_samples_is_the_weighted_sum_of_squared_errors() -> None:
    task = ContinuousFunction(samples=700, input_size=4, tau=50.0, batch_size=None)
    batch = source(task).batch(0)
    predictions = torch.randn(700, 1, 1, dtype=torch.float64)
    shares = [1 / (place + 50) for place in range(1, 701)]
    expected = sum(
        share / sum(shares) * (float(target) - float(guess)) ** 2
        for share, target, guess in zip(shares, batch.targets, predictions.flatten(), strict=True)
    )
    assert float(batch.apply_weights(task.loss_per_sample(predictions, batch)).mean()) == pytest.approx(
        expected, rel=1e-12
    )
    metric = task.make_metric(RecurrentNetwork("rnn", 1, 4, 2, 1))
    for part in source(task).evaluation_batches("test"):
        task.update_metric(metric, predictions, part)
    metrics = metric.compute()
    assert metrics["weighted_mse"] == pytest.approx(expected, rel=1e-6)
    assert metrics.keys() == task.baseline_metrics().keys()


def test_predicting_zero_has_a_loss_of_one_and_implies_no_bits() -> None:
    task = ContinuousFunction(samples=100_000, input_size=1)
    data, metric = source(task), task.make_metric(RecurrentNetwork("rnn", 1, 1, 1, 1))
    for part in data.evaluation_batches("val"):
        task.update_metric(metric, torch.zeros(len(part.inputs), 1, 1), part)
    metrics = metric.compute()
    deviation = float((2 * sample_weights(100_000).square().sum()).sqrt())  # of Σ β y²
    assert metrics["weighted_mse"] == pytest.approx(task.baseline_loss, abs=4 * deviation)
    assert metrics["implied_bits"] <= implied_bits(1 - 4 * deviation, 100_000)


@pytest.mark.parametrize("sampling", ["weighted", "uniform"])
def test_minibatches_are_unbiased_estimates_of_the_loss(sampling: Literal["weighted", "uniform"]) -> None:
    task = ContinuousFunction(samples=60, input_size=2, tau=3.0, batch_size=50, sampling=sampling)
    guess = 0.7  # squared errors then differ from sample to sample
    whole = source(replace(task, batch_size=None)).batch(0)
    expected = float(whole.apply_weights(task.loss_per_sample(torch.full((60, 1, 1), guess), whole)).mean())
    data = source(task)
    means = []
    for step in range(2000):
        batch = data.batch(step)
        assert batch.size == 50
        means.append(float(batch.apply_weights(task.loss_per_sample(torch.full((50, 1, 1), guess), batch)).mean()))
    spread = torch.tensor(means).std() / len(means) ** 0.5
    assert sum(means) / len(means) == pytest.approx(expected, abs=4 * float(spread))
    assert float(spread) < 0.02 * expected


def test_weighted_sampling_draws_by_weight_and_has_less_variance() -> None:
    weighted = ContinuousFunction(samples=40, input_size=2, tau=2.0, batch_size=20_000)
    drawn = torch.bincount(torch.tensor(sample_indices(weighted, source(weighted).batch(0).inputs)), minlength=40)
    expected = 20_000 * sample_weights(40, 2.0)
    chi_squared = float(((drawn - expected).square() / expected).sum())
    assert chi_squared < 39 + 4 * (2 * 39) ** 0.5
    noise = {}
    for sampling in ("weighted", "uniform"):
        task = replace(weighted, sampling=sampling)
        batch = source(task).batch(1)
        ones = batch.targets.view(-1, 1, 1) + 1  # an error of 1 everywhere
        noise[sampling] = float(batch.apply_weights(task.loss_per_sample(ones, batch)).square().mean())
    assert noise["weighted"] == pytest.approx(1)
    assert noise["uniform"] == pytest.approx(40 * float(sample_weights(40, 2.0).square().sum()), rel=0.05)


@pytest.mark.parametrize("sampling", ["weighted", "uniform"])
def test_a_batch_has_samples_of_the_data_set_and_does_not_depend_on_earlier_batches(
    sampling: Literal["weighted", "uniform"],
) -> None:
    task = ContinuousFunction(samples=90, input_size=5, batch_size=16, sampling=sampling)
    _, targets = everything(task)
    data, out_of_order = source(task), source(task)
    batches = [data.batch(step) for step in range(8)]
    for step in (7, 0, 3, 7):
        batch = out_of_order.batch(step)
        assert torch.equal(batch.inputs, batches[step].inputs)
        assert torch.equal(batch.targets, targets[sample_indices(task, batch.inputs), 0])
        if sampling == "uniform":
            assert batch.weights is not None
            assert torch.equal(batch.weights, targets[sample_indices(task, batch.inputs), 1])
        else:
            assert batch.weights is None
    assert not torch.equal(batches[0].inputs, batches[1].inputs)


@pytest.mark.parametrize("batch_size", [None, 11])
@pytest.mark.parametrize("world_size", [2, 3])
def test_the_ranks_divide_the_batch_and_the_evaluation_set(world_size: int, batch_size: int | None) -> None:
    task = ContinuousFunction(samples=10_001, input_size=2, batch_size=batch_size)
    whole, ranks = source(task), [source(task, rank, world_size) for rank in range(world_size)]
    batch, shares = whole.batch(2), [data.batch(2) for data in ranks]
    assert {share.size for share in shares} == {batch.size} == {batch_size or 10_001}
    held = torch.cat([torch.cat((share.inputs[:, 0], share.targets.unsqueeze(1)), 1) for share in shares])
    expected = torch.cat((batch.inputs[:, 0], batch.targets.unsqueeze(1)), 1)
    assert sorted(held.tolist()) == sorted(expected.tolist())
    evaluated = torch.cat([part.inputs[:, 0] for data in ranks for part in data.evaluation_batches("val")])
    assert sorted(evaluated.tolist()) == sorted(everything(task)[0].tolist())


OUT_OF_RANGE: list[tuple[dict[str, Any], str]] = [
    ({"samples": 0}, "samples must be at least 1, got 0"),
    ({"input_size": 0}, "input_size must be at least 1, got 0"),
    ({"steps": 0}, "steps must be at least 1, got 0"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
    ({"tau": -2.0}, "tau must be at least 0, got -2"),
    ({"show": "last"}, "show must be one of first, every; got 'last'"),
    ({"sampling": "best"}, "sampling must be one of weighted, uniform; got 'best'"),
]


@pytest.mark.parametrize(("arguments", "message"), OUT_OF_RANGE)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ContinuousFunction(**arguments)
