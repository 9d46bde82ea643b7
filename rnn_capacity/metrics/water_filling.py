"""Information that a squared error implies, by reverse water-filling: pure functions, in bits, and the metric on them.

N independent targets of variance 1 are told with errors D_i ≤ 1, which takes at least Σ ½ log2(1/D_i) bits. The
cheapest way to a loss L = Σ β_i D_i is D_i = min(1, λ/β_i): one level λ for the samples worth telling, nothing for the
rest (Cover & Thomas, Elements of Information Theory, sec. 10.3). The weights are the random continuous function's,
β_i ∝ 1/(i + τ) with Σβ = 1 (Collins et al. 2017, sec. 2, App. B), so the samples worth telling are the first k.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.metrics.bits import bits_per_parameter


def sample_weights(samples: int, tau: float = 5000.0) -> Tensor:
    """The weights β_i = 1/(i + τ) / Σ_j 1/(j + τ) of samples i = 1 ... N.

    Args:
        samples: Samples N.
        tau: τ; the larger, the more even the weights.

    Returns:
        (samples,), float64, falling, of sum 1.

    Raises:
        ValueError: If there are no samples, or τ is negative or infinite.
    """
    if samples < 1:
        raise ValueError(f"samples: {samples} given, at least 1 needed")
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau: {tau:g} given, a finite number of at least 0 needed")
    weights = 1 / (torch.arange(1, samples + 1, dtype=torch.float64) + tau)
    return weights / weights.sum()


def implied_bits(loss: float, samples: int, tau: float = 5000.0) -> float:
    """The least information about the targets, in bits, that predictions of this loss carry.

    Args:
        loss: L = Σ β_i (y_i - ŷ_i)², with targets of variance 1.
        samples: Samples N.
        tau: τ of the weights.

    Returns:
        Bits; 0 for a loss that is not below 1, which predicting zero reaches; infinite for a loss of 0.

    Raises:
        ValueError: If the loss is negative, or as `sample_weights`.
    """
    weights, following, rest = _by_samples_told(samples, tau)
    if loss < 0:
        raise ValueError(f"loss: {loss:g} given, at least 0 needed")
    if not loss < 1:
        return 0.0
    if loss == 0:
        return math.inf
    told = torch.arange(1, samples + 1)
    least = told * following + rest  # the loss where the next sample begins to be worth telling, falling
    place = int(torch.searchsorted(-least, -loss))
    level = (loss - rest[place]) / told[place]
    return max(0.5 * float((weights[: place + 1] / level).log2().sum()), 0.0)


def implied_loss(bits: float, samples: int, tau: float = 5000.0) -> float:
    """The least loss that so many bits about the targets allow: the inverse of `implied_bits`.

    Args:
        bits: B, in bits.
        samples: Samples N.
        tau: τ of the weights.

    Returns:
        L = Σ β_i D_i, in (0, 1].

    Raises:
        ValueError: If the bits are negative or infinite, or as `sample_weights`.
    """
    weights, following, rest = _by_samples_told(samples, tau)
    if not 0 <= bits < math.inf:
        raise ValueError(f"bits: {bits:g} given, a finite number of at least 0 needed")
    told = torch.arange(1, samples + 1)
    logs = weights.log2().cumsum(0)
    most = 0.5 * (logs - told * following.log2())  # the bits where the next sample begins to be worth telling, rising
    place = int(torch.searchsorted(most, bits))
    level = torch.exp2((logs[place] - 2 * bits) / told[place])
    return float(told[place] * level + rest[place])


def _by_samples_told(samples: int, tau: float) -> tuple[Tensor, Tensor, Tensor]:
    """For k = 1 ... N samples told: the weights of the last told and of the next (0 at the end), and Σ_{i>k} β_i."""
    weights = sample_weights(samples, tau)
    rest = weights.flip(0).cumsum(0).flip(0) - weights
    return weights, torch.cat((weights[1:], weights.new_zeros(1))), rest


class ImpliedBits(Metric):
    """Weighted squared error, the bits that it implies, and these over the parameters.

    Sums weighted errors, so that any split into batches and processes gives the same result.

    Args:
        parameters: Trainable parameters of the network.
        samples: Samples N.
        tau: τ of the weights.
    """

    full_state_update = False
    higher_is_better = True

    error: Tensor
    measured: Tensor

    def __init__(self, parameters: int, samples: int, tau: float = 5000.0) -> None:
        super().__init__()
        self.parameters_counted = parameters
        self.samples = samples
        self.tau = tau
        self.add_state("error", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("measured", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, targets: Tensor, weights: Tensor) -> None:
        """Add a batch.

        Args:
            predictions: ŷ, (samples,).
            targets: y, (samples,).
            weights: N β_i of each sample, (samples,): their mean over all samples is 1.
        """
        self.error += (weights * (targets - predictions).square()).sum()
        self.measured += targets.numel()

    def compute(self) -> dict[str, float]:
        """The figures under the names of summary.json; bits are of the whole data set."""
        loss = float(self.error) / int(self.measured)
        bits = implied_bits(loss, self.samples, self.tau)
        return {
            "weighted_mse": loss,
            "implied_bits": bits,
            "implied_bits_per_parameter": bits_per_parameter(bits, self.parameters_counted),
        }
