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
def test_recovered_dimensions_are_the_share_of_the_variance_explained(
    mse: float, variance: float, recovered: float
) -> None:
    assert dimensions_recovered(mse, 64, variance) == recovered


@pytest.mark.parametrize("kept", [0, 1, 4, 6])
def test_keeping_k_dimensions_and_guessing_the_rest_recovers_k_and_lies_on_the_curve(kept: int) -> None:
    random = torch.Generator().manual_seed(4)
    targets = (2 * torch.rand(200_000, DIMENSIONS, generator=random) - 1) * math.sqrt(3)
    mixing = torch.linalg.qr(torch.randn(DIMENSIONS, DIMENSIONS, generator=random)).Q
    metric = ReconstructionError(DIMENSIONS, units=max(kept, 1), state_reals=max(kept, 1))
    metric.update(targets @ mixing[:, :kept] @ mixing[:, :kept].T, targets)
    figures = metric.compute()
    assert figures["dimensions_recovered"] == pytest.approx(kept, abs=0.02)
    if kept:
        assert figures["mse"] == pytest.approx(theoretical_mse(kept, DIMENSIONS), abs=0.004)


@pytest.mark.parametrize(("units", "mse"), [(1, 63 / 64), (32, 0.5), (63, 1 / 64), (64, 0.0), (96, 0.0)])
def test_curve_falls_to_zero_at_as_many_units_as_values(units: int, mse: float) -> None:
    assert theoretical_mse(units, 64) == mse


def test_figures_are_those_of_the_numbers_written_out() -> None:
    predictions, targets = answers()
    squares = [
        (guess - value) ** 2
        for row, wanted in zip(predictions.tolist(), targets.tolist(), strict=True)
        for guess, value in zip(row, wanted, strict=True)
    ]
    mse = math.fsum(squares) / len(squares)
    figures = compute(predictions, targets)
    assert 0.8 < mse < 1.2
    assert figures == pytest.approx(
        {
            "mse": mse,
            "dimensions_recovered": 6 * (1 - mse / 4),
            "reals_per_unit": 6 * (1 - mse / 4) / 5,
            "reals_per_state_real": 6 * (1 - mse / 4) / 20,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("batch", [1, 7, 150, 300])
def test_any_split_into_batches_gives_the_same(batch: int) -> None:
    predictions, targets = answers()
    assert compute(predictions, targets, batch) == pytest.approx(compute(predictions, targets), rel=1e-5)


def test_reset_forgets() -> None:
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
    ("mse", "dimensions", "variance", "named"),
    [
        (-0.1, 4, 1.0, "mse: -0.1 given"),
        (0.5, 0, 1.0, "dimensions: 0 given"),
        (0.5, 4, 0.0, "variance: 0 given"),
    ],
)
def test_arguments_out_of_range_are_named(mse: float, dimensions: int, variance: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        dimensions_recovered(mse, dimensions, variance)


@pytest.mark.parametrize("name", ["dimensions", "units", "state_reals", "variance"])
def test_metric_names_an_argument_out_of_range(name: str) -> None:
    arguments = {"dimensions": 4, "units": 2, "state_reals": 2, "variance": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name}: 0 given"):
        ReconstructionError(**arguments)


@pytest.mark.parametrize(("units", "dimensions", "named"), [(0, 4, "units: 0"), (4, 0, "dimensions: 0")])
def test_curve_names_an_argument_out_of_range(units: int, dimensions: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        theoretical_mse(units, dimensions)
