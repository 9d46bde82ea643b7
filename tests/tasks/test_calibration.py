"""The metrics of a perceptron, whose N weights store 2 N random patterns (Cover 1965; Gardner 1988)."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnn_capacity.metrics import StoredInformation, stored_bits
from rnn_capacity.tasks import RandomMapping

WEIGHTS = 200


def metrics_of_a_trained_perceptron(samples: int, seed: int) -> dict[str, float]:
    """The metrics of a perceptron trained by logistic regression until it separates all separable patterns."""
    inputs, labels = RandomMapping(samples=samples, input_size=WEIGHTS - 1, seed=seed).draw_samples()
    perceptron = nn.Linear(WEIGHTS - 1, 1).double()
    assert sum(parameter.numel() for parameter in perceptron.parameters()) == WEIGHTS
    optimizer = torch.optim.LBFGS(perceptron.parameters(), max_iter=1000, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        mean = F.binary_cross_entropy_with_logits(perceptron(inputs.double()).squeeze(1), labels.double())
        mean.backward()
        return mean.item()

    optimizer.step(loss)
    metric = StoredInformation(WEIGHTS)
    metric.update(perceptron(inputs.double()).detach(), labels)
    return metric.compute()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_perceptron_stores_every_pattern_below_its_capacity(seed: int) -> None:
    metrics = metrics_of_a_trained_perceptron(samples=300, seed=seed)
    assert metrics["accuracy"] == 1.0
    assert metrics["stored_bits"] == 300.0
    assert metrics["bits_per_parameter"] == 1.5
    assert metrics["likelihood_bits"] == pytest.approx(300.0, rel=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_perceptron_above_its_capacity_stores_less_than_two_bits_per_weight(seed: int) -> None:
    metrics = metrics_of_a_trained_perceptron(samples=600, seed=seed)
    # any 200 patterns can be stored, and chance gets half of the other 400
    assert 2 / 3 < metrics["accuracy"] < 1.0
    assert stored_bits(400, 600) < metrics["stored_bits"] < 2 * WEIGHTS
    assert stored_bits(400, 600) < metrics["likelihood_bits"] < 2 * WEIGHTS
