"""L2 penalty and clipping of gradients before an optimizer step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from rnn_capacity.training.rule import TrainingRule


class GradientLimits:
    """Adds the L2 penalty to the gradients of K networks and clips them, with constants of each network's own.

    The order is: add the gradient of l2/2 · Σ θ², clip each element to ±clip_value, clip the norm of a network's whole
    gradient to clip_norm.

    Args:
        rules: Training rule of each network.
        like: A tensor of the gradients' type and device.

    Example:
        >>> import torch
        >>> from rnn_capacity.training import TrainingRule
        >>> limits = GradientLimits([TrainingRule(clip_norm=1.0), TrainingRule()], torch.zeros(1))
        >>> gradients = torch.full((2, 4), 5.0)
        >>> limits.apply(gradients, parameters=torch.zeros(2, 4))
        >>> gradients.norm(dim=1)
        tensor([ 1.0000, 10.0000])
    """

    def __init__(self, rules: Sequence[TrainingRule], like: Tensor) -> None:
        self.l2 = column([rule.l2 for rule in rules], like)
        self.clip_value = column([rule.clip_value for rule in rules], like)
        self.clip_norm = column([rule.clip_norm for rule in rules], like)

    def apply(self, gradients: Tensor, parameters: Tensor) -> None:
        """Add the gradient of the L2 penalty to gradients and clip them, in place.

        Args:
            gradients: (K, P), a row for each network.
            parameters: (K, P).
        """
        if self.l2 is not None:
            gradients.addcmul_(parameters, self.l2)
        if self.clip_value is not None:
            gradients.clamp_(-self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            factors = (self.clip_norm / (norm + 1e-6)).clamp_(max=1.0)
            gradients.mul_(factors.masked_fill_(self.clip_norm.isinf(), 1.0))  # where the norm is infinite, too

    @torch.no_grad()
    def apply_to_module(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add the gradient of the L2 penalty to one network's gradients and clip them, in place.

        Args:
            parameters: The parameters, after the backward pass; those without a gradient are skipped.
        """
        if self.l2 is None and self.clip_value is None and self.clip_norm is None:
            return
        changed = [(part, part.grad) for part in parameters if part.grad is not None]
        if not changed:
            return
        gradients = torch.cat([gradient.flatten() for _, gradient in changed])
        values = torch.cat([part.flatten() for part, _ in changed])
        self.apply(gradients.unsqueeze(0), values.unsqueeze(0))
        parts = torch.split(gradients, [part.numel() for part, _ in changed])
        for (_, gradient), limited in zip(changed, parts, strict=True):
            gradient.copy_(limited.view_as(gradient))


def column(values: Sequence[float | None], like: Tensor) -> Tensor | None:
    """Return one number per network, such as its `l2`, as a (K, 1) tensor, or None if each is None or 0.

    A network without a number has infinity, a bound that limits nothing.
    """
    if not any(values):
        return None
    numbers = [[torch.inf if value is None else value] for value in values]
    return torch.tensor(numbers, dtype=torch.float64).to(like)
