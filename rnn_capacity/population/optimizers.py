"""The optimizers of torch.optim for K networks at once, each with hyperparameters of its own.

Values and gradients are (K, P), a row a network; hyperparameters are (K, 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor


class MemberOptimizer:
    """One optimizer over the rows of a matrix of parameters.

    Args:
        settings: Each network's hyperparameters, by their names in torch.optim; "lr" is given at each step.
        values: The parameters, (K, P), changed in place.
    """

    names: ClassVar[tuple[str, ...]]
    """The hyperparameters that it takes."""

    buffers: ClassVar[tuple[str, ...]]
    """What it remembers, (K, P) each."""

    def __init__(self, settings: Sequence[dict[str, Any]], values: Tensor) -> None:
        self.step_count = 0
        self.values = values
        self.given = {
            name: torch.tensor([[float(setting[name])] for setting in settings], dtype=torch.float64).to(values)
            for name in self.names
        }
        self.memory = {name: torch.zeros_like(values) for name in self.buffers}
        self.decays = bool(self.given["weight_decay"].any())

    def keep(self, rows: Tensor, values: Tensor) -> None:
        """Go on with some of the networks, whose parameters are now `values`."""
        self.values = values
        self.given = {name: value[rows] for name, value in self.given.items()}
        self.memory = {name: value[rows] for name, value in self.memory.items()}

    def step(self, gradients: Tensor, rates: Tensor) -> None:
        """Make a step.

        Args:
            gradients: (K, P); may be changed.
            rates: Learning rates, (K, 1).
        """
        self.step_count += 1
        self.update(gradients, rates)

    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""
        raise NotImplementedError


class MemberAdam(MemberOptimizer):
    """`torch.optim.Adam`."""

    names = ("beta1", "beta2", "eps", "weight_decay")
    buffers = ("mean", "square")

    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""
        beta1, beta2 = self.given["beta1"], self.given["beta2"]
        mean, square = self.memory["mean"], self.memory["square"]
        if self.decays:
            self.decay(gradients, rates)
        mean.lerp_(gradients, 1 - beta1)
        square.mul_(beta2).addcmul_(gradients, gradients * (1 - beta2))
        size = rates / (1 - beta1**self.step_count)
        root = (1 - beta2**self.step_count).sqrt()
        self.values.addcdiv_(mean * -size, (square.sqrt() / root).add_(self.given["eps"]))

    def decay(self, gradients: Tensor, rates: Tensor) -> None:
        """Add the decay's gradient."""
        gradients.addcmul_(self.values, self.given["weight_decay"])


class MemberAdamW(MemberAdam):
    """`torch.optim.AdamW`."""

    def decay(self, gradients: Tensor, rates: Tensor) -> None:
        """Shrink the values."""
        self.values.mul_(1 - rates * self.given["weight_decay"])


class MemberRMSprop(MemberOptimizer):
    """`torch.optim.RMSprop`, with momentum, not centered."""

    names = ("alpha", "eps", "weight_decay", "momentum")
    buffers = ("square", "momentum")

    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""
        square, momentum = self.memory["square"], self.memory["momentum"]
        if self.decays:
            gradients.addcmul_(self.values, self.given["weight_decay"])
        alpha = self.given["alpha"]
        square.mul_(alpha).addcmul_(gradients, gradients * (1 - alpha))
        momentum.mul_(self.given["momentum"]).addcdiv_(gradients, square.sqrt().add_(self.given["eps"]))
        self.values.addcmul_(momentum, -rates)


class MemberSGD(MemberOptimizer):
    """`torch.optim.SGD`, with momentum."""

    names = ("weight_decay", "momentum", "dampening")
    buffers = ("momentum",)

    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""
        momentum = self.memory["momentum"]
        if self.decays:
            gradients.addcmul_(self.values, self.given["weight_decay"])
        if self.step_count == 1:
            momentum.copy_(gradients)
        else:
            momentum.mul_(self.given["momentum"])
            # without momentum there is nothing to dampen
            momentum.addcmul_(gradients, 1 - self.given["dampening"] * (self.given["momentum"] != 0))
        self.values.addcmul_(momentum, -rates)


KINDS: dict[type[torch.optim.Optimizer], type[MemberOptimizer]] = {
    torch.optim.Adam: MemberAdam,
    torch.optim.AdamW: MemberAdamW,
    torch.optim.RMSprop: MemberRMSprop,
    torch.optim.SGD: MemberSGD,
}

UNUSUAL = ("amsgrad", "maximize", "centered", "nesterov", "differentiable")
"""Options of torch.optim that no optimizer here has."""


def kind_of(optimizer: torch.optim.Optimizer) -> type[MemberOptimizer] | None:
    """The optimizer here that does the same; None if there is none."""
    if len(optimizer.param_groups) != 1 or any(optimizer.param_groups[0].get(name) for name in UNUSUAL):
        return None
    return KINDS.get(type(optimizer))


def settings_of(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The hyperparameters of an optimizer with one group of parameters."""
    group = dict(optimizer.param_groups[0])
    if "betas" in group:
        group["beta1"], group["beta2"] = group["betas"]
    return group
