"""How many real numbers a state carries, by the squared error of their reconstruction."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


def dimensions_recovered(mse: float, dimensions: int, variance: float = 1.0) -> float:
    """Dimensions n_eff = n_in (1 - MSE / variance), at least 0.

    A linear code that keeps k of n_in independent dimensions exactly and guesses the mean of the others has
    MSE = variance (1 - k / n_in), so that n_eff = k.

    Args:
        mse: Mean squared error per dimension; one that is not a number, a diverged run's, recovers nothing.
        dimensions: Dimensions n_in, independent and of equal variance.
        variance: Of a dimension: the MSE of the best guess that sees nothing.

    Raises:
        ValueError: If an argument is out of range.
    """
    if mse < 0:
        raise ValueError(f"mse: {mse:g} given, at least 0 needed")
    if dimensions < 1:
        raise ValueError(f"dimensions: {dimensions} given, at least 1 needed")
    if not variance > 0:
        raise ValueError(f"variance: {variance:g} given, a positive number needed")
    return dimensions * (1 - mse / variance) if mse < variance else 0.0


def least_linear_mse(units: int, dimensions: int) -> float:
    """Theory's MSE per dimension, max(0, 1 - n_h / n_in), for variance 1 (Collins et al. 2017, sec. 2.2, Fig. 2c).

    Args:
        units: Units n_h of every layer.
        dimensions: Dimensions n_in.

    Raises:
        ValueError: If a size is below 1.
    """
    for name, size in (("units", units), ("dimensions", dimensions)):
        if size < 1:
            raise ValueError(f"{name}: {size} given, at least 1 needed")
    return max(0.0, 1 - units / dimensions)


class Reconstruction(Metric):
    """Squared error, dimensions recovered, and these over the units and over the reals of the state.

    Sums squared errors and counts, so that any split into batches and processes gives the same result.

    Args:
        dimensions: Dimensions n_in of a target.
        units: Units n_h of every layer.
        state_reals: Reals that all layers carry from one step to the next; the LSTM carries 2 n_h a layer.
        variance: Of a dimension of the targets.

    Raises:
        ValueError: If an argument is out of range.
    """

    full_state_update = False
    higher_is_better = True

    squares: Tensor
    count: Tensor

    def __init__(self, dimensions: int, units: int, state_reals: int, variance: float = 1.0) -> None:
        super().__init__()
        for name, number in (("dimensions", dimensions), ("units", units), ("state_reals", state_reals)):
            if number < 1:
                raise ValueError(f"{name}: {number} given, at least 1 needed")
        if not variance > 0:
            raise ValueError(f"variance: {variance:g} given, a positive number needed")
        self.dimensions = dimensions
        self.units = units
        self.state_reals = state_reals
        self.variance = variance
        self.add_state("squares", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            predictions: (samples, dimensions).
            targets: (samples, dimensions).
        """
        self.squares += (predictions - targets).square().sum()
        self.count += targets.numel()

    def compute(self) -> dict[str, float]:
        """The figures under the names of summary.json.

        `mse` is per dimension, `dimensions_recovered` is n_eff, `reals_per_unit` n_eff / n_h, and
        `reals_per_state_real` n_eff over the reals of all layers' states.
        """
        mse = float(self.squares) / int(self.count)
        recovered = dimensions_recovered(mse, self.dimensions, self.variance)
        return {
            "mse": mse,
            "dimensions_recovered": recovered,
            "reals_per_unit": recovered / self.units,
            "reals_per_state_real": recovered / self.state_reals,
        }
