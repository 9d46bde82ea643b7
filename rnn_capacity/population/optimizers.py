"""Optimizers of torch.optim for K networks at once, each network with its own hyperparameters.

Parameters and gradients are matrices (K, P) with a row per network; hyperparameters are columns (K, 1).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from rnn_capacity.training.optimizers import has_plain_options, update_rule


class MemberOptimizer(ABC):
    """Base class of optimizers for K networks at once, whose parameters are the rows of a matrix (K, P).

    Args:
        settings: Hyperparameters of each network, from `optimizer_settings`; learning rates are arguments of `factors`.
        parameters: Parameters of the networks, (K, P), changed in place.
    """

    names: ClassVar[tuple[str, ...]]
    """Names of the optimizer's hyperparameters and of constants derived from them, such as beta2 and log_beta2."""

    buffers: ClassVar[tuple[str, ...]]
    """Names of the optimizer's state tensors, such as momentum; each is a matrix (K, P)."""

    def __init__(self, settings: Sequence[dict[str, Any]], parameters: Tensor) -> None:
        self.parameters = parameters
        self.constants = {
            name: torch.tensor([[float(setting[name])] for setting in settings], dtype=torch.float64).to(parameters)
            for name in self.names
        }
        self.state = {name: torch.zeros_like(parameters) for name in self.buffers}
        self.decays = bool(self.constants["weight_decay"].any())

    def select(self, rows: Tensor, parameters: Tensor) -> None:
        """Keep the parameters, hyperparameters and optimizer state of some of the K networks.

        Args:
            rows: Indices of the networks.
            parameters: Their parameters, (len(rows), P).
        """
        self.parameters = parameters
        self.constants = {name: value[rows] for name, value in self.constants.items()}
        self.state = {name: value[rows] for name, value in self.state.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the state tensors."""
        return {"state": self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state tensors."""
        for name, values in self.state.items():
            values.copy_(state["state"][name])

    def factors(self, first: int, rates: Tensor) -> Tensor:
        """Compute the factors of several steps that need no gradient: learning rates, and Adam's bias corrections.

        Args:
            first: Optimizer steps made before these.
            rates: Learning rates, (steps, K, 1).

        Returns:
            (steps, factors, K, 1); the first factor is the learning rate.
        """
        numbers = torch.arange(first + 1, first + 1 + len(rates)).view(-1, 1, 1).to(rates)
        return torch.stack([rates, *self.corrections(numbers, rates)], 1)

    def corrections(self, numbers: Tensor, rates: Tensor) -> tuple[Tensor, ...]:
        """Compute the factors after the learning rate, each (steps, K, 1), from the steps' numbers, (steps, 1, 1)."""
        return ()

    def step(self, gradients: Tensor, factors: Tensor) -> None:
        """Make an optimizer step of all K networks, weight decay included.

        Args:
            gradients: Gradients, (K, P); may be changed.
            factors: One of `factors`, (factors, K, 1).
        """
        rates, *corrections = factors.unbind(0)
        if self.decays:
            self.decay(gradients, rates)
        self.update(gradients, rates, *corrections)

    def decay(self, gradients: Tensor, rates: Tensor) -> None:
        """Add weight_decay * parameters to the gradients (an L2 penalty)."""
        gradients.addcmul_(self.parameters, self.constants["weight_decay"])

    @abstractmethod
    def update(self, gradients: Tensor, rates: Tensor, *corrections: Tensor) -> None:
        """Update the parameters of all K networks in place by the optimizer's rule, without weight decay."""


class MemberAdam(MemberOptimizer):
    """Adam for K networks at once, each with the steps that `torch.optim.Adam` would make."""

    names = ("one_minus_beta1", "beta2", "one_minus_beta2", "log_beta1", "log_beta2", "eps", "weight_decay")
    buffers = ("mean", "square")

    def corrections(self, numbers: Tensor, rates: Tensor) -> tuple[Tensor, ...]:
        """Compute the step size, rate / (1 - beta1^t), and the root of 1 - beta2^t for each step t."""
        size = rates / -torch.expm1(numbers * self.constants["log_beta1"])
        root = (-torch.expm1(numbers * self.constants["log_beta2"])).sqrt()
        return size, root

    def update(self, gradients: Tensor, rates: Tensor, *corrections: Tensor) -> None:
        """Update the parameters by Adam: the bias-corrected mean gradient over the root of the mean square."""
        size, root = corrections
        mean, square = self.state["mean"], self.state["square"]
        mean.lerp_(gradients, self.constants["one_minus_beta1"])
        square.mul_(self.constants["beta2"]).addcmul_(gradients, gradients * self.constants["one_minus_beta2"])
        self.parameters.addcdiv_(mean * -size, (square.sqrt() / root).add_(self.constants["eps"]))


class MemberAdamW(MemberAdam):
    """AdamW for K networks at once, each with the steps that `torch.optim.AdamW` would make."""

    def decay(self, gradients: Tensor, rates: Tensor) -> None:
        """Multiply the parameters by 1 - learning rate * weight_decay (decoupled weight decay)."""
        self.parameters.mul_(1 - rates * self.constants["weight_decay"])


class MemberRMSprop(MemberOptimizer):
    """RMSprop with momentum, not centered, for K networks at once, with the steps of `torch.optim.RMSprop`."""

    names = ("alpha", "one_minus_alpha", "eps", "weight_decay", "momentum")
    buffers = ("square", "momentum")

    def update(self, gradients: Tensor, rates: Tensor, *corrections: Tensor) -> None:
        """Update the parameters by RMSprop: the momentum of the gradient over the root of its mean square."""
        square, momentum = self.state["square"], self.state["momentum"]
        square.mul_(self.constants["alpha"]).addcmul_(gradients, gradients * self.constants["one_minus_alpha"])
        momentum.mul_(self.constants["momentum"]).addcdiv_(gradients, square.sqrt().add_(self.constants["eps"]))
        self.parameters.addcmul_(momentum, -rates)


class MemberSGD(MemberOptimizer):
    """SGD with momentum for K networks at once, with the steps of `torch.optim.SGD`."""

    names = ("weight_decay", "momentum", "dampening")
    buffers = ("momentum",)

    def corrections(self, numbers: Tensor, rates: Tensor) -> tuple[Tensor, ...]:
        """Compute the factor of the gradient in the momentum, 1 - dampening, but 1 at the first step."""
        # without momentum there is nothing to dampen
        dampened = 1 - self.constants["dampening"] * (self.constants["momentum"] != 0)
        return (torch.where(numbers == 1, 1.0, dampened),)

    def update(self, gradients: Tensor, rates: Tensor, *corrections: Tensor) -> None:
        """Update the parameters by SGD with momentum and dampening."""
        (dampened,) = corrections
        momentum = self.state["momentum"]
        momentum.mul_(self.constants["momentum"]).addcmul_(gradients, dampened)
        self.parameters.addcmul_(momentum, -rates)


POPULATION_OPTIMIZERS: dict[type[torch.optim.Optimizer], type[MemberOptimizer]] = {
    torch.optim.Adam: MemberAdam,
    torch.optim.AdamW: MemberAdamW,
    torch.optim.RMSprop: MemberRMSprop,
    torch.optim.SGD: MemberSGD,
}


def population_optimizer(optimizer: torch.optim.Optimizer) -> type[MemberOptimizer] | None:
    """Return the `MemberOptimizer` class for a torch optimizer; None if its class or options are not supported."""
    return POPULATION_OPTIMIZERS.get(update_rule(optimizer)) if has_plain_options(optimizer) else None


def optimizer_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the hyperparameters of a torch optimizer with one parameter group, by their names in torch.optim.

    Derived constants such as 1 - beta2 and log(beta2) are added, computed in float64, since 1 - 0.999 has four correct
    digits in float32.

    Args:
        optimizer: An optimizer of torch.optim.
    """
    group = dict(optimizer.param_groups[0])
    if "betas" in group:
        group["beta1"], group["beta2"] = group["betas"]
        for index, beta in enumerate(group["betas"], 1):
            group |= {f"one_minus_beta{index}": 1 - beta, f"log_beta{index}": math.log(beta) if beta else -math.inf}
    if "alpha" in group:
        group["one_minus_alpha"] = 1 - group["alpha"]
    return group
