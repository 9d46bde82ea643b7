"""The number of real values that a state carries, measured by the squared error of their reconstruction."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rnn_capacity.checks import check_minimum, check_positive
from rnn_capacity.metrics.summed import Direction, SummedMetric


def dimensions_recovered(mse: float, dimensions: int, variance: float = 1.0) -> float:
    """Compute the effective number of dimensions recovered, n_in (1 - MSE / variance), at least 0.

    A linear code that keeps k of n_in independent dimensions exactly and predicts the mean of the others has
    MSE = variance (1 - k / n_in), so that k dimensions are recovered.

    Args:
        mse: Mean squared error per dimension; NaN, a diverged run's, recovers nothing.
        dimensions: Dimensions n_in, independent and of equal variance.
        variance: Variance of a dimension, which is the MSE of the constant predictor.

    Returns:
        Dimensions, in [0, n_in].

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> dimensions_recovered(mse=0.25, dimensions=64)
        48.0
    """
    if mse < 0:
        raise ValueError(f"mse must be at least 0, got {mse:g}")
    check_minimum(1, dimensions=dimensions)
    check_positive(variance=variance)
    return dimensions * (1 - mse / variance) if mse < variance else 0.0


def theoretical_mse(units: int, dimensions: int) -> float:
    """Compute the paper's theoretical MSE of n_h units that store n_in reals, max(0, 1 - n_h / n_in) (sec. 2.2).

    Args:
        units: Units n_h of every layer.
        dimensions: Dimensions n_in, of variance 1.

    Raises:
        ValueError: If an argument is below 1.

    Example:
        >>> theoretical_mse(units=48, dimensions=64)
        0.25
    """
    check_minimum(1, units=units, dimensions=dimensions)
    return max(0.0, 1 - units / dimensions)


class ReconstructionError(SummedMetric):
    """Mean squared error, dimensions recovered, and dimensions recovered per unit and per real number of the state.

    The metric sums squared errors and counts, so that any split into batches and processes gives the same result.

    Args:
        dimensions: Dimensions n_in of a target.
        units: Units n_h of every layer.
        state_reals: Real numbers that all layers carry from one time step to the next; an LSTM carries 2 n_h a layer.
        variance: Variance of a dimension of the targets.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> metric = ReconstructionError(dimensions=4, units=2, state_reals=2)
        >>> metric.update(torch.full((8, 4), 0.5), torch.zeros(8, 4))
        >>> metric.compute()["mse"], metric.compute()["reals_per_unit"]
        (0.25, 1.5)
    """

    directions: ClassVar[dict[str, Direction]] = {
        "mse": "min",
        "dimensions_recovered": "max",
        "reals_per_unit": "max",
        "reals_per_state_real": "max",
    }

    squares: Tensor
    count: Tensor

    def __init__(self, dimensions: int, units: int, state_reals: int, variance: float = 1.0) -> None:
        super().__init__()
        check_minimum(1, dimensions=dimensions, units=units, state_reals=state_reals)
        check_positive(variance=variance)
        self.dimensions = dimensions
        self.units = units
        self.state_reals = state_reals
        self.variance = variance
        self.add_sums(squares=torch.tensor(0.0), count=torch.tensor(0))

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add the predictions and targets of a batch to the sums of the metric.

        Args:
            predictions: (samples, dimensions).
            targets: (samples, dimensions).
        """
        self.squares += (predictions - targets).square().sum()
        self.count += targets.numel()

    def compute(self) -> dict[str, float]:
        """Return `mse` per dimension, `dimensions_recovered`, `reals_per_unit` and `reals_per_state_real`."""
        mse = float(self.squares) / int(self.count)
        recovered = dimensions_recovered(mse, self.dimensions, self.variance)
        return {
            "mse": mse,
            "dimensions_recovered": recovered,
            "reals_per_unit": recovered / self.units,
            "reals_per_state_real": recovered / self.state_reals,
        }
