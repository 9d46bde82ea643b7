"""Information stored by a classifier that is trained on random labels: pure functions, in bits."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def stored_bits(correct: float, samples: int, classes: int = 2) -> float:
    """Bits stored, by accuracy (Collins et al. 2017, eq. 21-22; with several classes, symmetric errors).

    b [log2 V + p log2 p + (1 - p) log2((1 - p) / (V - 1))] for b samples of V classes and a share right
    p = max(correct / b, 1/V). The formula is symmetric around 1/V and would pay for answers below chance.

    Args:
        correct: Samples right.
        samples: Samples b.
        classes: Classes V.

    Returns:
        Bits, in [0, b log2 V].

    Raises:
        ValueError: If there are no samples, more right than samples, or fewer than two classes.
    """
    if samples < 1:
        raise ValueError(f"samples: {samples} given, at least 1 needed")
    if not 0 <= correct <= samples:
        raise ValueError(f"correct: {correct} given, 0 to samples = {samples} allowed")
    if classes < 2:
        raise ValueError(f"classes: {classes} given, at least 2 needed")
    right = max(correct / samples, 1 / classes)
    bits = math.log2(classes) + right * math.log2(right)
    if right < 1:
        bits += (1 - right) * math.log2((1 - right) / (classes - 1))
    return samples * max(bits, 0.0)


def class_logits(logits: Tensor) -> Tensor:
    """Logits of every class, (samples, V): a single column z is a sigmoid's, the logits (0, z) of two classes."""
    if logits.shape[-1] == 1:
        return torch.cat((torch.zeros_like(logits), logits), dim=-1)
    return logits


def negative_log_likelihood(logits: Tensor, targets: Tensor, inverse_temperatures: Tensor) -> Tensor:
    """Summed negative log-likelihood, in nats, of the labels under the logits at several temperatures.

    Args:
        logits: (samples, V), or (samples, 1) for a sigmoid.
        targets: Class of each sample, (samples,).
        inverse_temperatures: (count,), each multiplies the logits.

    Returns:
        (count,), in the logits' precision or float32, whichever is higher.
    """
    logits = class_logits(logits)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    inverse_temperatures = inverse_temperatures.to(logits)
    return torch.stack([F.cross_entropy(beta * logits, targets, reduction="sum") for beta in inverse_temperatures])


def likelihood_bits(nll: float, samples: int, classes: int = 2) -> float:
    """Bits stored, by likelihood: b log2 V - nll / ln 2, at least 0.

    A lower bound on the information in the logits; unlike the bits by accuracy it uses their confidence. Below zero
    the uniform guess is the better model, whose bits are 0.

    Args:
        nll: Summed negative log-likelihood, in nats.
        samples: Samples b.
        classes: Classes V.
    """
    return max(samples * math.log2(classes) - nll / math.log(2), 0.0)


def bits_per_parameter(bits: float, parameters: int) -> float:
    """Bits over trainable parameters.

    Raises:
        ValueError: If there are no parameters.
    """
    if parameters < 1:
        raise ValueError(f"parameters: {parameters} given, at least 1 needed")
    return bits / parameters
