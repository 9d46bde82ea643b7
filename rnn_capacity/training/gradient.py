"""What is done to the gradient before an optimizer step."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def limit_gradient(network: nn.Module, l2: float, clip_value: float | None, clip_norm: float | None) -> None:
    """Add the gradient of the penalty l2/2 · Σ θ², then clip, in place.

    Args:
        network: The network, after its backward pass.
        l2: Of the penalty; 0 adds nothing.
        clip_value: Bound of each element; None does not clip.
        clip_norm: Bound of the norm of the whole gradient, applied last; None does not clip.
    """
    if l2:
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.grad.add_(parameter, alpha=l2)
    if clip_value is not None:
        nn.utils.clip_grad_value_(network.parameters(), clip_value)
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
