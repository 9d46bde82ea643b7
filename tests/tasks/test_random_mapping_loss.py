from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import Batch


def batch_of(task: RandomMapping) -> Batch:
    return task.batch_source(torch.device("cpu"), torch.float64).batch(0)


def network_for(task: RandomMapping, cell: str) -> RecurrentNetwork:
    return RecurrentNetwork(cell, 2, task.input_size, 4, task.output_size, seed=1).double()


def explicit(task: RandomMapping, show: Literal["first", "every"]) -> Tensor:
    """The inputs written out for every step, (samples, steps, input_size)."""
    drawn = task.draw_samples()[0].double()
    shown = torch.zeros(task.samples, task.steps, task.input_size, dtype=torch.float64)
    for step in range(task.steps if show == "every" else 1):
        shown[:, step] = drawn
    return shown


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "intersection"])
@pytest.mark.parametrize("loss_from", [None, 1, 3])
@pytest.mark.parametrize("show", ["first", "every"])
def test_the_input_is_shown_at_the_first_or_every_step_and_the_last_steps_are_scored(
    show: Literal["first", "every"], loss_from: int | None, cell: str
) -> None:
    task = RandomMapping(samples=9, input_size=6, steps=4, show=show, loss_from=loss_from)
    network = network_for(task, cell)
    outputs = network(explicit(task, show))[0]
    scored = outputs[:, (loss_from or 4) - 1 :]
    torch.testing.assert_close(task.predict(network, batch_of(task))[0], scored, rtol=1e-12, atol=1e-13)


def test_showing_the_input_at_every_step_changes_the_output() -> None:
    task = RandomMapping(samples=9, input_size=6, steps=4)
    network = network_for(task, "rnn")
    first, every = (replace(task, show=show).predict(network, batch_of(task))[0] for show in ("first", "every"))
    assert not torch.isclose(first, every, rtol=0, atol=1e-4).any()


@pytest.mark.parametrize("steps_scored", [1, 3])
def test_the_loss_of_two_classes_is_the_negative_log_of_the_sigmoid(steps_scored: int) -> None:
    task = RandomMapping(samples=6, input_size=6)
    batch = batch_of(task)
    logits = 3 * torch.randn(6, steps_scored, 1, dtype=torch.float64)
    by_hand = []
    for row, label in zip(logits[..., 0].tolist(), batch.targets.tolist(), strict=True):
        probabilities = [1 / (1 + math.exp(-z)) if label else 1 / (1 + math.exp(z)) for z in row]
        by_hand.append(-sum(math.log(probability) for probability in probabilities) / steps_scored)
    assert {0.0, 1.0} == set(batch.targets.tolist())
    assert task.loss_per_sample(logits, batch).tolist() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("steps_scored", [1, 3])
def test_the_loss_of_several_classes_is_the_negative_log_of_the_softmax(steps_scored: int) -> None:
    task = RandomMapping(samples=30, input_size=6, classes=4)
    batch = batch_of(task)
    logits = 2 * torch.randn(30, steps_scored, 4, dtype=torch.float64)
    by_hand = []
    for steps, label in zip(logits.tolist(), batch.targets.tolist(), strict=True):
        probabilities = [math.exp(row[label]) / sum(map(math.exp, row)) for row in steps]
        by_hand.append(-sum(math.log(probability) for probability in probabilities) / steps_scored)
    assert set(batch.targets.tolist()) == {0, 1, 2, 3}
    assert task.loss_per_sample(logits, batch).tolist() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("exponent", [0.3, 1.0])
def test_the_generalized_cross_entropy_is_computed_from_the_probability_of_the_label(
    exponent: float, classes: int
) -> None:
    """The loss is (1 - p^q) / q, whose gradient is p^q times that of the cross-entropy (Zhang & Sabuncu 2018)."""
    task = RandomMapping(samples=30, input_size=6, classes=classes)
    batch = batch_of(task)
    logits = (2 * torch.randn(30, 1, task.output_size, dtype=torch.float64)).requires_grad_()
    plain = task.loss_per_sample(logits, batch)
    probabilities = (-plain).exp().detach()
    losses = task.loss_per_sample(logits, batch._replace(loss_exponent=exponent))
    torch.testing.assert_close(losses, (1 - probabilities**exponent) / exponent, rtol=1e-12, atol=1e-14)
    (gradient,) = torch.autograd.grad(losses.sum(), logits, retain_graph=True)
    (of_plain,) = torch.autograd.grad(plain.sum(), logits)
    torch.testing.assert_close(gradient, of_plain * probabilities.view(-1, 1, 1) ** exponent, rtol=1e-10, atol=1e-14)


def test_each_sample_can_have_its_own_loss_exponent() -> None:
    exponents = (0.0, 0.5, 1.0)
    task = RandomMapping(samples=3, input_size=6)
    batch = batch_of(task)
    logits = 2 * torch.randn(3, 1, 1, dtype=torch.float64)
    together = task.loss_per_sample(logits, batch._replace(loss_exponent=torch.tensor(exponents, dtype=torch.float64)))
    for index, exponent in enumerate(exponents):
        alone = task.loss_per_sample(logits, batch._replace(loss_exponent=exponent))
        torch.testing.assert_close(together[index], alone[index], rtol=1e-14, atol=0)


def test_the_loss_exponent_rises_linearly_after_a_share_of_the_run() -> None:
    exponents = RandomMapping(samples=3, loss_exponent=0.5, loss_exponent_from=0.2).loss_exponents(1000)
    assert exponents is not None
    assert exponents[:201].tolist() == [0.0] * 201
    assert exponents[[400, 600, 999]].tolist() == pytest.approx([0.125, 0.25, 0.5 * 799 / 800])
    assert RandomMapping(samples=3).loss_exponents(1000) is None


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_baseline_loss_is_that_of_logits_of_zero(classes: int) -> None:
    task = RandomMapping(samples=50, classes=classes)
    zero = torch.zeros(50, 1, task.output_size, dtype=torch.float64)
    losses = task.loss_per_sample(zero, batch_of(task))
    assert losses.tolist() == pytest.approx([task.baseline_loss] * 50, rel=1e-14)
    assert task.baseline_loss == pytest.approx(math.log(classes))


@pytest.mark.parametrize("classes", [2, 4])
def test_metrics_are_computed_from_the_last_step(classes: int) -> None:
    task = RandomMapping(samples=40, classes=classes, loss_from=1)
    batch = batch_of(task)
    logits = torch.randn(40, 5, task.output_size, dtype=torch.float64)
    if classes == 2:
        logits[:, -1, 0] = 20 * (2 * batch.targets - 1)
    else:
        logits[:, -1] = 20 * torch.nn.functional.one_hot(batch.targets, classes)
    network = network_for(task, "rnn")
    metric = task.make_metric(network)
    task.update_metric(metric, logits, batch)
    metrics = metric.compute()
    assert metrics["accuracy"] == 1.0
    assert metrics["stored_bits"] == pytest.approx(40 * math.log2(classes))
    assert metrics["bits_per_parameter"] == metrics["stored_bits"] / sum(
        parameter.numel() for parameter in network.parameters()
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_the_baseline_metrics_are_those_of_equal_logits(classes: int) -> None:
    task = RandomMapping(samples=classes * 8, classes=classes)
    metric = task.make_metric(network_for(task, "rnn"))
    targets = torch.arange(classes * 8) % classes
    metric.update(torch.zeros(classes * 8, task.output_size), targets)
    assert metric.compute() == pytest.approx(task.baseline_metrics(), abs=1e-5)
