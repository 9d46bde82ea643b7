"""The generalized cross-entropy, a classification loss, and the values of its exponent over a run."""

from __future__ import annotations

import torch
from torch import Tensor


def generalized_cross_entropy(nats: Tensor, exponent: Tensor | float) -> Tensor:
    """Compute the generalized cross-entropy (1 - p^q) / q from the cross-entropy -log p (Zhang & Sabuncu 2018).

    Its gradient is p^q times that of the cross-entropy, so that samples which the network cannot fit count less.

    Args:
        nats: Cross-entropy of each sample in nats, (...).
        exponent: Exponent q of each sample or of all, in [0, 1]; 0 is the cross-entropy itself.

    Returns:
        Losses, of the shape of `nats`.

    Example:
        >>> import torch
        >>> nats = -torch.tensor([0.5, 0.9]).log()
        >>> generalized_cross_entropy(nats, 1.0)  # 1 - p
        tensor([0.5000, 0.1000])
        >>> bool((generalized_cross_entropy(nats, 0.0) == nats).all())
        True
    """
    if isinstance(exponent, float | int):
        return -torch.expm1(-exponent * nats) / exponent if exponent else nats
    positive = torch.where(exponent == 0, 1.0, exponent)  # keeps the gradient of the branch that is not taken finite
    return torch.where(exponent == 0, nats, -torch.expm1(-positive * nats) / positive)


def rising_exponents(end: float, rises_from: float, total_steps: int) -> Tensor:
    """Compute the loss exponent q of each optimizer step: 0 up to a fraction of the run, then linearly rising.

    Args:
        end: Value at the end of the run.
        rises_from: Share of the run after which it rises, in [0, 1).
        total_steps: Optimizer steps of the run.

    Returns:
        Exponents, (total_steps,), float64.

    Example:
        >>> rising_exponents(end=0.5, rises_from=0.2, total_steps=5)
        tensor([0.0000, 0.0000, 0.1250, 0.2500, 0.3750], dtype=torch.float64)
    """
    progress = torch.arange(total_steps, dtype=torch.float64) / total_steps
    return end * ((progress - rises_from) / (1 - rises_from)).clamp_(min=0)
