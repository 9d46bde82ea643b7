from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rnn_capacity.metrics import ReconstructionError, dimensions_recovered, theoretical_mse

SAMPLES, DIMENSIONS = 301, 6


def answers() -> tuple[Tensor, Tensor]:
    """Targets of variance 4, and predictions that are off by N(0, 1)."""
    random = torch.Generator().manual_seed(3)
    targets = 2 * torch.randn(SAMPLES, DIMENSIONS, generator=random)
    return targets + torch.randn(SAMPLES, DIMENSIONS, generator=random), targets


def compute(predictions: Tensor, targets: Tensor, batch: int = SAMPLES) -> dict[str, float]:
    metric = ReconstructionError(DIMENSIONS, units=5, state_reals=20, variance=4.0)
    for some_predictions, some_targets in zip(predictions.split(batch), targets.split(batch), strict=True):
        metric.update(some_predictions, some_targets)
    return metric.compute()


@pytest.mark.parametrize(
    ("mse", "variance", "recovered"),
    [
        (0.0, 1.0, 64.0),
        (0.25, 1.0, 48.0),
        (1.0, 1.0, 0.0),
        (7.0, 1.0, 0.0),
        (1.0, 4.0, 48.0),
        (math.inf, 1.0, 0.0),
        (math.nan, 1.0, 0.0),
    ],
)
def test_dimensions_recovered_are_the_fraction_of_variance_explained(
    mse: float, variance: float, recovered: float
) -> None:
    assert dimensions_recovered(mse, 64, variance) == recovered


@pytest.mark.parametrize("kept", [0, 1, 4, 6])
def test_keeping_k_dimensions_recovers_k_and_has_the_theoretical_error(kept: int) -> None:
    random = torch.Generator().manual_seed(4)
    targets = (2 * torch.rand(200_000, DIMENSIONS, generator=random) - 1) * math.sqrt(3)
    mixing = torch.linalg.qr(torch.randn(DIMENSIONS, DIMENSIONS, generator=random)).Q
    metric = ReconstructionError(DIMENSIONS, units=max(kept, 1), state_reals=max(kept, 1))
    metric.update(targets @ mixing[:, :kept] @ mixing[:, :kept].T, targets)
    metrics = metric.compute()
    assert metrics["dimensions_recovered"] == pytest.approx(kept, abs=0.02)
    if kept:
        assert metrics["mse"] == pytest.approx(theoretical_mse(kept, DIMENSIONS), abs=0.004)


@pytest.mark.parametrize(("units", "mse"), [(1, 63 / 64), (32, 0.5), (63, 1 / 64), (64, 0.0), (96, 0.0)])
def test_the_theoretical_error_is_zero_from_as_many_units_as_dimensions(units: int, mse: float) -> None:
    assert theoretical_mse(units, 64) == mse


def test_metrics_match_a_loop_over_all_numbers() -> None:
    predictions, targets = answers()
    squares = [
        (prediction - target) ** 2
        for row, target_row in zip(predictions.tolist(), targets.tolist(), strict=True)
        for prediction, target in zip(row, target_row, strict=True)
    ]
    mse = math.fsum(squares) / len(squares)
    metrics = compute(predictions, targets)
    assert 0.8 < mse < 1.2
    assert metrics == pytest.approx(
        {
            "mse": mse,
            "dimensions_recovered": 6 * (1 - mse / 4),
            "reals_per_unit": 6 * (1 - mse / 4) / 5,
            "reals_per_state_real": 6 * (1 - mse / 4) / 20,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("batch", [1, 7, 150, 300])
def test_metrics_do_not_depend_on_the_split_into_batches(batch: int) -> None:
    predictions, targets = answers()
    assert compute(predictions, targets, batch) == pytest.approx(compute(predictions, targets), rel=1e-5)


def test_reset_removes_earlier_batches() -> None:
    predictions, targets = answers()
    metric = ReconstructionError(DIMENSIONS, units=5, state_reals=20)
    metric.update(predictions, targets)
    metric.reset()
    metric.update(targets, targets)
    assert metric.compute() == {
        "mse": 0.0,
        "dimensions_recovered": 6.0,
        "reals_per_unit": 1.2,
        "reals_per_state_real": 0.3,
    }


@pytest.mark.parametrize(
    ("mse", "dimensions", "variance", "message"),
    [
        (-0.1, 4, 1.0, "mse must be at least 0, got -0.1"),
        (0.5, 0, 1.0, "dimensions must be at least 1, got 0"),
        (0.5, 4, 0.0, "variance must be a positive number, got 0"),
    ],
)
def test_dimensions_recovered_rejects_arguments_out_of_range(
    mse: float, dimensions: int, variance: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dimensions_recovered(mse, dimensions, variance)


@pytest.mark.parametrize("name", ["dimensions", "units", "state_reals", "variance"])
def test_the_metric_rejects_arguments_out_of_range(name: str) -> None:
    arguments = {"dimensions": 4, "units": 2, "state_reals": 2, "variance": 1, name: 0}
    with pytest.raises(ValueError, match=rf"{name} must be (at least 1|a positive number), got 0"):
        ReconstructionError(**arguments)


@pytest.mark.parametrize(
    ("units", "dimensions", "message"),
    [(0, 4, "units must be at least 1, got 0"), (4, 0, "dimensions must be at least 1, got 0")],
)
def test_the_theoretical_error_rejects_arguments_out_of_range(units: int, dimensions: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        theoretical_mse(units, dimensions)
