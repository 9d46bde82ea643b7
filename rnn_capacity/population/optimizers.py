"""The optimizers of torch.optim for K networks at once, each with hyperparameters of its own.

Values and gradients are (K, P), a row a network; hyperparameters are (K, 1).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor


class MemberOptimizer(ABC):
    """One optimizer over the rows of a matrix of parameters.

    Args:
        settings: Each network's hyperparameters, as `settings_of` gives them; the learning rate comes with each step.
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

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"step_count": self.step_count, "memory": self.memory}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.step_count = state["step_count"]
        for name, values in self.memory.items():
            values.copy_(state["memory"][name])

    def step(self, gradients: Tensor, rates: Tensor) -> None:
        """Make a step.

        Args:
            gradients: (K, P); may be changed.
            rates: Learning rates, (K, 1).
        """
        self.step_count += 1
        self.update(gradients, rates)

    @abstractmethod
    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""


class MemberAdam(MemberOptimizer):
    """`torch.optim.Adam`."""

    names = ("rest1", "beta2", "rest2", "log1", "log2", "eps", "weight_decay")
    buffers = ("mean", "square")

    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""
        mean, square = self.memory["mean"], self.memory["square"]
        if self.decays:
            self.decay(gradients, rates)
        mean.lerp_(gradients, self.given["rest1"])
        square.mul_(self.given["beta2"]).addcmul_(gradients, gradients * self.given["rest2"])
        size = rates / -torch.expm1(self.step_count * self.given["log1"])  # 1 - beta1^t
        root = (-torch.expm1(self.step_count * self.given["log2"])).sqrt()
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

    names = ("alpha", "rest", "eps", "weight_decay", "momentum")
    buffers = ("square", "momentum")

    def update(self, gradients: Tensor, rates: Tensor) -> None:
        """Change the values."""
        square, momentum = self.memory["square"], self.memory["momentum"]
        if self.decays:
            gradients.addcmul_(self.values, self.given["weight_decay"])
        square.mul_(self.given["alpha"]).addcmul_(gradients, gradients * self.given["rest"])
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
    if type(optimizer) is torch.optim.Adam and optimizer.param_groups[0].get("decoupled_weight_decay"):
        return MemberAdamW
    return KINDS.get(type(optimizer))


def settings_of(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The hyperparameters of an optimizer with one group of parameters, by their names in torch.optim.

    Beside them what is made of them in float64, since 1 - 0.999 has four digits in float32: rest is 1 - alpha, rest1
    and rest2 are 1 - beta, log1 and log2 are log(beta).
    """
    group = dict(optimizer.param_groups[0])
    if "betas" in group:
        group["beta1"], group["beta2"] = group["betas"]
        for place, beta in enumerate(group["betas"], 1):
            group |= {f"rest{place}": 1 - beta, f"log{place}": math.log(beta) if beta else -math.inf}
    if "alpha" in group:
        group["rest"] = 1 - group["alpha"]
    return group
