from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from rnn_capacity.metrics import ImpliedBits, implied_bits, implied_loss, sample_weights

MILLION = 1_000_000


def naive_weights(samples: int, tau: float) -> list[float]:
    shares = [1 / (place + tau) for place in range(1, samples + 1)]
    return [share / sum(shares) for share in shares]


def errors_at(level: float, samples: int, tau: float) -> Tensor:
    """D_i = min(1, λ/β_i)."""
    return (level / torch.tensor(naive_weights(samples, tau), dtype=torch.float64)).clamp(max=1)


def weighted_loss(errors: Tensor, tau: float) -> float:
    return float((torch.tensor(naive_weights(len(errors), tau), dtype=torch.float64) * errors).sum())


def bits_of(errors: Tensor) -> float:
    return float(-0.5 * errors.log2().sum())


@pytest.mark.parametrize(("bits", "loss"), [(1e4, 0.834), (1e5, 0.528), (5e5, 0.249), (1e6, 0.124)])
def test_a_million_samples_match_four_known_points_in_both_directions(bits: float, loss: float) -> None:
    found = implied_loss(bits, MILLION)
    assert found == pytest.approx(loss, abs=5e-4)
    assert implied_bits(found, MILLION) == pytest.approx(bits, rel=1e-10)
    # 0.0005 of loss is at most 6 % of the bits here
    assert implied_bits(loss, MILLION) == pytest.approx(bits, rel=0.06)


@pytest.mark.parametrize(("samples", "tau"), [(1, 0.0), (2, 3.0), (300, 0.0), (300, 20.0), (300, 1e6)])
def test_bits_and_loss_match_the_formula_at_any_water_level(samples: int, tau: float) -> None:
    weights = naive_weights(samples, tau)
    for level in torch.logspace(-9, 0, 200, dtype=torch.float64).tolist():
        errors = errors_at(level * weights[0], samples, tau)
        loss = weighted_loss(errors, tau)
        assert implied_bits(loss, samples, tau) == pytest.approx(bits_of(errors), rel=1e-9, abs=1e-6)
        assert implied_loss(bits_of(errors), samples, tau) == pytest.approx(loss, rel=1e-9)


def test_weights_match_their_definition() -> None:
    assert sample_weights(50, 7.0).tolist() == pytest.approx(naive_weights(50, 7.0), rel=1e-14)
    million = sample_weights(MILLION)
    assert float(million.sum()) == pytest.approx(1, abs=1e-12)
    assert float(million[0] / million[-1]) == pytest.approx(1_005_000 / 5001, rel=1e-12)


def test_no_other_distribution_of_errors_reaches_a_loss_with_fewer_bits() -> None:
    random = torch.Generator().manual_seed(0)
    for trial in range(300):
        spread = (0.01, 0.3, 3.0)[trial % 3]
        around = errors_at(float(torch.rand(1, generator=random)) * 0.05, 40, 10.0)
        noise = torch.randn(40, generator=random, dtype=torch.float64)
        errors = (around * torch.exp(spread * noise)).clamp(1e-9, 1)
        assert implied_bits(weighted_loss(errors, 10.0), 40, 10.0) <= bits_of(errors) * (1 + 1e-12)


def test_equal_weights_take_half_the_log_of_the_loss_for_each_sample() -> None:
    assert implied_bits(0.25, 1, tau=0.0) == pytest.approx(1.0)
    assert implied_bits(0.25, 1000, tau=1e12) == pytest.approx(1000.0, rel=1e-6)
    assert implied_bits(0.01, 1000, tau=1e12) == pytest.approx(500 * math.log2(100), rel=1e-6)


def test_the_extreme_losses_imply_no_bits_and_infinitely_many() -> None:
    assert implied_loss(0.0, MILLION) == pytest.approx(1.0, abs=1e-12)
    for loss in (1.0, 1.5, math.inf, math.nan):
        assert implied_bits(loss, MILLION) == 0.0
    assert implied_bits(0.0, MILLION) == math.inf
    assert 0 < implied_bits(1 - 1e-7, MILLION) < 0.01
    assert implied_bits(implied_loss(1e7, MILLION), MILLION) == pytest.approx(1e7, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: implied_bits(-0.1, 10), "loss must be at least 0, got -0.1"),
        (lambda: implied_bits(0.5, 0), "samples must be at least 1, got 0"),
        (lambda: implied_bits(0.5, 10, -1.0), "tau must be a finite number of at least 0, got -1"),
        (lambda: implied_loss(-1.0, 10), "bits must be a finite number of at least 0, got -1"),
        (lambda: implied_loss(float("inf"), 10), "bits must be a finite number of at least 0, got inf"),
        (lambda: sample_weights(10, float("inf")), "tau must be a finite number of at least 0, got inf"),
        (lambda: sample_weights(10, math.nan), "tau must be a finite number of at least 0, got nan"),
    ],
)
def test_arguments_out_of_range_are_rejected(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_rounding_makes_no_bits_negative() -> None:
    for samples in range(1, 300):
        assert 0 <= implied_bits(math.nextafter(1.0, 0.0), samples, 7.0) < 1e-6


def test_the_default_offset_is_that_of_the_paper() -> None:
    assert implied_bits(0.5, 300) == implied_bits(0.5, 300, 5000.0)
    assert implied_loss(90.0, 300) == implied_loss(90.0, 300, 5000.0)
    assert torch.equal(sample_weights(300), sample_weights(300, 5000.0))
    assert ImpliedBits(parameters=1, samples=300).tau == 5000.0


@pytest.mark.parametrize("batch", [1, 7, 200, 500])
def test_the_metric_is_the_weighted_error_and_its_bits_in_any_split_into_batches(batch: int) -> None:
    targets, noise = torch.randn(500), torch.randn(500)
    weights = 500 * sample_weights(500, 30.0)
    predictions = targets + 0.6 * noise
    metric = ImpliedBits(parameters=20, samples=500, tau=30.0)
    for part in zip(predictions.split(batch), targets.split(batch), weights.float().split(batch), strict=True):
        metric.update(*part)
    metrics = metric.compute()
    by_hand = sum(
        weight * (0.6 * float(error)) ** 2 for weight, error in zip(naive_weights(500, 30.0), noise, strict=True)
    )
    assert metrics["weighted_mse"] == pytest.approx(by_hand, rel=1e-5)
    assert metrics["implied_bits"] == pytest.approx(implied_bits(by_hand, 500, 30.0), rel=1e-4)
    assert metrics["implied_bits_per_parameter"] == metrics["implied_bits"] / 20
    metric.reset()
    metric.update(torch.zeros(500), targets, weights)
    assert metric.compute()["weighted_mse"] == pytest.approx(
        sum(w * float(y) ** 2 for w, y in zip(naive_weights(500, 30.0), targets, strict=True)), rel=1e-5
    )
