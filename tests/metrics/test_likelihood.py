from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity.metrics import class_logits, likelihood_bits, negative_log_likelihood

PLAIN = torch.ones(1)


def draw(samples: int, classes: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(samples, classes, generator=random, dtype=torch.float64)
    return logits, torch.randint(classes, (samples,), generator=random)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("beta", [0.1, 1.0, 4.0])
def test_negative_log_likelihood_is_the_sum_of_log_probabilities(classes: int, beta: float) -> None:
    logits, targets = draw(20, classes)
    by_hand = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        weights = [math.exp(beta * value) for value in row]
        by_hand -= math.log(weights[target] / sum(weights))
    nll = negative_log_likelihood(logits, targets, torch.tensor([beta], dtype=torch.float64))
    assert float(nll[0]) == pytest.approx(by_hand, rel=1e-12)


def test_likelihood_bits_are_the_gain_over_a_uniform_guess_in_bits() -> None:
    probabilities = [0.9, 0.8, 0.5, 0.99]  # of the correct one of four classes
    gained = sum(math.log2(probability / 0.25) for probability in probabilities)
    nll = -sum(math.log(probability) for probability in probabilities)
    assert likelihood_bits(nll, 4, classes=4) == pytest.approx(gained, rel=1e-13)


def test_certainty_stores_the_whole_entropy_and_a_uniform_guess_nothing() -> None:
    assert likelihood_bits(0.0, 100, 5) == pytest.approx(100 * math.log2(5), rel=1e-15)
    assert likelihood_bits(100 * math.log(5), 100, 5) == pytest.approx(0.0, abs=1e-10)


def test_a_likelihood_below_a_uniform_guess_gives_zero_bits() -> None:
    assert likelihood_bits(1000.0, 10, 2) == 0.0


def test_calibrated_probabilities_of_two_classes_give_the_bits_from_the_accuracy() -> None:
    # 30 of 40 correct, each with probability 3/4: the bits from the likelihood are eq. 21-22 at p = 3/4
    nll = -(30 * math.log(0.75) + 10 * math.log(0.25))
    assert likelihood_bits(nll, 40) == pytest.approx(40 * (1 + 0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))


def test_a_single_logit_z_becomes_the_logits_zero_and_z() -> None:
    column = torch.tensor([[-2.0], [0.5], [3.0]], dtype=torch.float64)
    targets = torch.tensor([0, 0, 1])
    assert torch.equal(class_logits(column), torch.tensor([[0, -2.0], [0, 0.5], [0, 3.0]], dtype=torch.float64))
    sigmoid = [1 / (1 + math.exp(-z)) for z in column.flatten().tolist()]
    by_hand = -(math.log(1 - sigmoid[0]) + math.log(1 - sigmoid[1]) + math.log(sigmoid[2]))
    assert float(negative_log_likelihood(column, targets, PLAIN)) == pytest.approx(by_hand, rel=1e-13)


def test_logits_of_several_classes_are_not_changed() -> None:
    logits, _ = draw(5, 3)
    assert class_logits(logits) is logits


def test_several_temperatures_are_computed_at_once() -> None:
    logits, targets = draw(30, 3)
    betas = torch.tensor([0.25, 1.0, 3.0], dtype=torch.float64)
    each = [float(negative_log_likelihood(beta * logits, targets, PLAIN)) for beta in betas]
    assert negative_log_likelihood(logits, targets, betas).tolist() == pytest.approx(each, rel=1e-13)


def test_low_precision_logits_are_summed_in_float32() -> None:
    logits, targets = draw(3000, 2)
    low = logits.bfloat16()
    summed = negative_log_likelihood(low, targets, PLAIN)
    exact = negative_log_likelihood(low.double(), targets, PLAIN)
    assert float(summed) == pytest.approx(float(exact), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 0), "samples must be at least 1, got 0"),
        ((1.0, 4, 1), "classes must be at least 2, got 1"),
        ((-0.5, 4), "nll must be at least 0, got -0.5"),
    ],
)
def test_arguments_out_of_range_are_rejected(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        likelihood_bits(*arguments)
    assert likelihood_bits(0.0, 1) == 1.0
