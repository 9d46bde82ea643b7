"""The torchmetric of information stored by a classifier of random labels."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rnn_capacity.metrics.bits import (
    bits_per_parameter,
    class_logits,
    likelihood_bits,
    negative_log_likelihood,
    stored_bits,
)
from rnn_capacity.metrics.summed import Direction, SummedMetric


class StoredInformation(SummedMetric):
    """Accuracy on random labels, and bits stored by accuracy and by likelihood, in total and per parameter.

    The metric sums counts and log-likelihoods, so that any split into batches and processes gives the same result. The
    likelihood is that of the best of 235 temperatures, spaced by 3 % from 1/32 to 32; each of them is a valid bound.

    Args:
        parameters: Trainable parameters of the network.
        classes: Classes V.

    Example:
        >>> import torch
        >>> metric = StoredInformation(parameters=2)
        >>> metric.update(torch.tensor([[3.0], [-3.0], [3.0], [-3.0]]), torch.tensor([1, 0, 1, 0]))
        >>> {name: round(value, 3) for name, value in metric.compute().items()}["bits_per_parameter"]
        2.0
    """

    directions: ClassVar[dict[str, Direction]] = {
        "accuracy": "max",
        "stored_bits": "max",
        "bits_per_parameter": "max",
        "likelihood_bits": "max",
        "likelihood_bits_per_parameter": "max",
    }

    correct: Tensor
    samples: Tensor
    nll: Tensor

    def __init__(self, parameters: int, classes: int = 2) -> None:
        super().__init__()
        self.parameters_counted = parameters
        self.classes = classes
        self.inverse_temperatures = torch.logspace(-5, 5, 235, base=2.0)
        zero = torch.tensor(0)
        self.add_sums(correct=zero, samples=zero, nll=torch.zeros_like(self.inverse_temperatures))

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add the logits and labels of a batch to the sums of the metric.

        Args:
            logits: (samples, V), or (samples, 1) for a sigmoid.
            targets: Class of each sample, (samples,), int64.
        """
        self.correct += (class_logits(logits).argmax(-1) == targets).sum()
        self.samples += targets.numel()
        self.nll += negative_log_likelihood(logits, targets, self.inverse_temperatures)

    def compute(self) -> dict[str, float]:
        """Return the accuracy and the bits stored about all labels, in total and per parameter, by name."""
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
