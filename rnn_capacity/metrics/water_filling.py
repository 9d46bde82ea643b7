"""Information implied by a weighted squared error (reverse water-filling), in bits: functions and torchmetric.

To encode N independent Gaussian targets of variance 1 with squared errors D_i ≤ 1 takes at least Σ ½ log2(1/D_i) bits.
The cheapest code of loss L = Σ β_i D_i has D_i = min(1, λ/β_i): one water level λ for the encoded samples and no bits
for the rest (Cover & Thomas, Elements of Information Theory, sec. 10.3). With the weights of the random continuous
function, β_i ∝ 1/(i + τ) and Σβ = 1 (Collins et al. 2017, sec. 2, App. B), the encoded samples are the first k.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from rnn_capacity.checks import check_minimum
from rnn_capacity.metrics.bits import bits_per_parameter
from rnn_capacity.metrics.summed import Direction, SummedMetric


def sample_weights(samples: int, tau: float = 5000.0) -> Tensor:
    """Compute the loss weights β_i = 1/(i + τ) / Σ_j 1/(j + τ) of samples i = 1 ... N (Collins et al. 2017, App. B).

    Args:
        samples: Samples N.
        tau: Offset τ; the larger, the more even the weights.

    Returns:
        Weights, (samples,), float64, decreasing, of sum 1.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> sample_weights(samples=2, tau=0.0)
        tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    check_minimum(1, samples=samples)
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau must be a finite number of at least 0, got {tau:g}")
    weights = 1 / (torch.arange(1, samples + 1, dtype=torch.float64) + tau)
    return weights / weights.sum()


def implied_bits(loss: float, samples: int, tau: float = 5000.0) -> float:
    """Compute the fewest bits about the targets that predictions with a given weighted squared error contain.

    Args:
        loss: L = Σ β_i (y_i - ŷ_i)², with targets of variance 1.
        samples: Samples N.
        tau: Offset τ of the weights.

    Returns:
        Bits; 0 for a loss of at least 1, the loss of predicting zero; infinite for a loss of 0.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> round(implied_bits(loss=0.528, samples=1_000_000))
        100028
    """
    weights, following, rest = _by_encoded_samples(samples, tau)
    if loss < 0:
        raise ValueError(f"loss must be at least 0, got {loss:g}")
    if not loss < 1:
        return 0.0
    encoded = torch.arange(1, samples + 1)
    least = encoded * following + rest  # the loss at which sample k + 1 begins to be encoded, decreasing
    place = int(torch.searchsorted(-least, -loss))
    level = (loss - rest[place]) / encoded[place]
    return max(0.5 * float((weights[: place + 1] / level).log2().sum()), 0.0)


def implied_loss(bits: float, samples: int, tau: float = 5000.0) -> float:
    """Compute the least weighted squared error that some bits about the targets allow, the inverse of `implied_bits`.

    Args:
        bits: Information B, in bits.
        samples: Samples N.
        tau: Offset τ of the weights.

    Returns:
        Loss L = Σ β_i D_i, in (0, 1].

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> round(implied_loss(bits=1e5, samples=1_000_000), 3)
        0.528
    """
    weights, following, rest = _by_encoded_samples(samples, tau)
    if not 0 <= bits < math.inf:
        raise ValueError(f"bits must be a finite number of at least 0, got {bits:g}")
    encoded = torch.arange(1, samples + 1)
    logs = weights.log2().cumsum(0)
    most = 0.5 * (logs - encoded * following.log2())  # the bits at which sample k + 1 begins to be encoded, increasing
    place = int(torch.searchsorted(most, bits))
    level = torch.exp2((logs[place] - 2 * bits) / encoded[place])
    return float(encoded[place] * level + rest[place])


def _by_encoded_samples(samples: int, tau: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights β_k, β_{k+1} (0 for k = N) and Σ_{i>k} β_i for each number k = 1 ... N of encoded samples."""
    weights = sample_weights(samples, tau)
    rest = weights.flip(0).cumsum(0).flip(0) - weights
    return weights, torch.cat((weights[1:], weights.new_zeros(1))), rest


class ImpliedBits(SummedMetric):
    """Weighted squared error, and the bits about the targets that it implies, in total and per parameter.

    Args:
        parameters: Trainable parameters of the network.
        samples: Samples N.
        tau: Offset τ of the weights.

    Example:
        >>> import torch
        >>> metric = ImpliedBits(parameters=10, samples=4, tau=1e9)
        >>> metric.update(torch.zeros(4), torch.full((4,), 0.5), torch.ones(4))
        >>> metric.compute()["weighted_mse"], round(metric.compute()["implied_bits"], 3)
        (0.25, 4.0)
    """

    directions: ClassVar[dict[str, Direction]] = {
        "weighted_mse": "min",
        "implied_bits": "max",
        "implied_bits_per_parameter": "max",
    }

    error: Tensor
    measured: Tensor

    def __init__(self, parameters: int, samples: int, tau: float = 5000.0) -> None:
        super().__init__()
        self.parameters_counted = parameters
        self.samples = samples
        self.tau = tau
        self.add_sums(error=torch.tensor(0.0), measured=torch.tensor(0))

    def update(self, predictions: Tensor, targets: Tensor, weights: Tensor) -> None:
        """Add the predictions, targets and sample weights of a batch to the sums of the metric.

        Args:
            predictions: ŷ, (samples,).
            targets: y, (samples,).
            weights: N β_i of each sample, (samples,): their mean over all samples is 1.
        """
        self.error += (weights * (targets - predictions).square()).sum()
        self.measured += targets.numel()

    def compute(self) -> dict[str, float]:
        """Return `weighted_mse`, and `implied_bits` about all targets, in total and per parameter."""
        loss = float(self.error) / int(self.measured)
        bits = implied_bits(loss, self.samples, self.tau)
        return {
            "weighted_mse": loss,
            "implied_bits": bits,
            "implied_bits_per_parameter": bits_per_parameter(bits, self.parameters_counted),
        }
