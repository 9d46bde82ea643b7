"""The information stored by a network, summed over batches and processes."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.metrics.bits import (
    bits_per_parameter,
    class_logits,
    likelihood_bits,
    negative_log_likelihood,
    stored_bits,
)


class StoredInformation(Metric):
    """Accuracy, bits by accuracy and by likelihood, and bits per parameter of each.

    Sums counts and log-likelihoods, so that any split into batches and processes gives the same result. The
    likelihood's one temperature is fitted: the sums are kept for inverse temperatures in steps of 3 % from 1/32 to 32,
    and the best counts. Each of them is a valid bound.

    Args:
        parameters: Trainable parameters of the network.
        classes: Classes V.
    """

    full_state_update = False
    higher_is_better = True

    correct: Tensor
    samples: Tensor
    nll: Tensor

    def __init__(self, parameters: int, classes: int = 2) -> None:
        super().__init__()
        self.parameters_counted = parameters
        self.classes = classes
        self.inverse_temperatures = torch.logspace(-5, 5, 235, base=2.0)
        self.add_state("correct", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("samples", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("nll", torch.zeros_like(self.inverse_temperatures), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            logits: (samples, V), or (samples, 1) for a sigmoid.
            targets: Class of each sample, (samples,).
        """
        self.correct += (class_logits(logits).argmax(-1) == targets).sum()
        self.samples += targets.numel()
        self.nll += negative_log_likelihood(logits, targets, self.inverse_temperatures)

    def compute(self) -> dict[str, float]:
        """The figures under the names of summary.json; bits are of the whole data set."""
        samples = int(self.samples)
        stored = stored_bits(int(self.correct), samples, self.classes)
        likelihood = likelihood_bits(float(self.nll.min()), samples, self.classes)
        return {
            "accuracy": int(self.correct) / samples,
            "stored_bits": stored,
            "bits_per_parameter": bits_per_parameter(stored, self.parameters_counted),
            "likelihood_bits": likelihood,
            "likelihood_bits_per_parameter": bits_per_parameter(likelihood, self.parameters_counted),
        }
