"""Pure functions for the information stored by a classifier of random labels, in bits."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.checks import check_minimum


def stored_bits(correct: float, samples: int, classes: int = 2) -> float:
    """Compute the bits that a classifier of random labels stores, from its accuracy (Collins et al. 2017, eq. 21-22).

    b [log2 V + p log2 p + (1 - p) log2((1 - p) / (V - 1))] for b samples, V classes, an accuracy p and errors that are
    equally likely to be any wrong class. The formula is symmetric around chance, 1/V; an accuracy below chance counts
    as chance.

    Args:
        correct: Samples classified correctly.
        samples: Samples b.
        classes: Classes V.

    Returns:
        Bits, in [0, b log2 V].

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> round(stored_bits(correct=75, samples=100), 2)
        18.87
        >>> stored_bits(correct=100, samples=100)
        100.0
    """
    check_minimum(1, samples=samples)
    check_minimum(2, classes=classes)
    if not 0 <= correct <= samples:
        raise ValueError(f"correct must be in [0, samples = {samples}], got {correct}")
    accuracy = max(correct / samples, 1 / classes)
    bits = math.log2(classes) + accuracy * math.log2(accuracy)
    if accuracy < 1:
        bits += (1 - accuracy) * math.log2((1 - accuracy) / (classes - 1))
    return samples * max(bits, 0.0)


def class_logits(logits: Tensor) -> Tensor:
    """Convert the single logit of a sigmoid to the logits of two classes.

    Args:
        logits: (samples, V), or (samples, 1) for a sigmoid.

    Returns:
        (samples, V); a single column z becomes (0, z), which has the same probabilities.

    Example:
        >>> import torch
        >>> class_logits(torch.tensor([[2.0]]))
        tensor([[0., 2.]])
    """
    if logits.shape[-1] == 1:
        return torch.cat((torch.zeros_like(logits), logits), dim=-1)
    return logits


def negative_log_likelihood(logits: Tensor, targets: Tensor, inverse_temperatures: Tensor) -> Tensor:
    """Sum the negative log-likelihood of labels, in nats, at several temperatures.

    Args:
        logits: (samples, V), or (samples, 1) for a sigmoid.
        targets: Class of each sample, (samples,), int64.
        inverse_temperatures: Factors of the logits, (count,).

    Returns:
        Nats, (count,), in float32 or the logits' type, whichever is more precise.

    Example:
        >>> import torch
        >>> negative_log_likelihood(torch.zeros(4, 1), torch.tensor([0, 1, 1, 0]), torch.ones(1))
        tensor([2.7726])
    """
    logits = class_logits(logits)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    sums = [F.cross_entropy(beta * logits, targets, reduction="sum") for beta in inverse_temperatures]
    return torch.stack(sums).nan_to_num(nan=torch.inf, posinf=torch.inf)  # a product may be too large for its type


def likelihood_bits(nll: float, samples: int, classes: int = 2) -> float:
    """Compute the bits that a classifier stores from the labels' likelihood: max(0, b log2 V - nll / ln 2).

    This is a lower bound on the information in the logits. Unlike the bits from the accuracy it uses the network's
    confidence. Where it would be negative, a uniform guess is the better model and stores 0 bits.

    Args:
        nll: Negative log-likelihood in nats, summed over the samples.
        samples: Samples b.
        classes: Classes V.

    Returns:
        Bits, in [0, b log2 V].

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> likelihood_bits(nll=0.0, samples=100)
        100.0
    """
    check_minimum(1, samples=samples)
    check_minimum(2, classes=classes)
    if nll < 0:
        raise ValueError(f"nll must be at least 0, got {nll:g}")
    return max(samples * math.log2(classes) - nll / math.log(2), 0.0)


def bits_per_parameter(bits: float, parameters: int) -> float:
    """Divide the bits that a network stores by the number of its trainable parameters.

    Args:
        bits: Bits stored by the network.
        parameters: Trainable parameters of the network.

    Raises:
        ValueError: If `parameters` is below 1.

    Example:
        >>> bits_per_parameter(bits=2000.0, parameters=500)
        4.0
    """
    check_minimum(1, parameters=parameters)
    return bits / parameters
