"""The paper's four optimizers as one choice with three hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, get_args

from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from rnn_capacity.checks import check_choice, check_positive

Kind = Literal["sgd", "momentum", "rmsprop", "adam"]

UNSUPPORTED_OPTIONS = ("amsgrad", "maximize", "centered", "nesterov", "differentiable")
"""Options of torch.optim's optimizers that the compiled kernel and the training of stacked networks do not support."""


def update_rule(optimizer: Optimizer) -> type[Optimizer]:
    """Return the torch.optim class of an optimizer's update rule: AdamW for Adam with decoupled weight decay.

    Args:
        optimizer: The optimizer.
    """
    if type(optimizer) is Adam and optimizer.param_groups[0].get("decoupled_weight_decay"):
        return AdamW
    return type(optimizer)


def has_plain_options(optimizer: Optimizer) -> bool:
    """Return whether an optimizer has a single parameter group and sets none of the `UNSUPPORTED_OPTIONS`.

    Args:
        optimizer: The optimizer.
    """
    groups = optimizer.param_groups
    return len(groups) == 1 and not any(map(groups[0].get, UNSUPPORTED_OPTIONS))


class OptimizerChoice(Optimizer):
    """SGD, SGD with momentum, RMSProp or Adam, chosen by name, with one momentum-like hyperparameter.

    The paper tunes a kind, a learning rate and one momentum-like number whose logit is uniform; other constants stay at
    their defaults (Collins et al. 2017, App. A). It does not say which constant the number is. Here it is the decay of
    the running mean: `momentum` of SGD with momentum, `alpha` of RMSProp, the first of Adam's `betas`. SGD ignores it.

    The constructor returns an optimizer of torch.optim; the class serves the command line:
    `--model.optimizer OptimizerChoice --model.optimizer.kind rmsprop`.

    Args:
        params: The parameters, or groups of them.
        kind: sgd, momentum, rmsprop or adam.
        lr: Learning rate (the paper tunes it in [1e-4, 1e-1]).
        momentum_logit: Logit x of the momentum-like constant 1/(1 + exp(-x)) (the paper tunes it in [1, 7], which is
            0.731 to 0.9991; 2.2 is 0.9).

    Raises:
        ValueError: If the kind is not known, the learning rate is not positive or the logit not finite.

    Example:
        >>> import torch
        >>> optimizer = OptimizerChoice([torch.zeros(1, requires_grad=True)], kind="momentum", momentum_logit=2.2)
        >>> type(optimizer).__name__, round(optimizer.param_groups[0]["momentum"], 3)
        ('SGD', 0.9)
    """

    def __new__(  # type: ignore[misc]  # not one of its own instances
        cls, params: Iterable[Any], kind: Kind = "adam", lr: float = 1e-3, momentum_logit: float = 2.2
    ) -> Optimizer:
        """Create the chosen optimizer, an instance of a torch.optim class and not of this one."""
        check_choice(get_args(Kind), kind=kind)
        check_positive(lr=lr)
        if not math.isfinite(momentum_logit):
            raise ValueError(f"momentum_logit must be a finite number, got {momentum_logit:g}")
        momentum = 1 / (1 + math.exp(-momentum_logit))
        if kind == "adam":
            return Adam(params, lr=lr, betas=(momentum, 0.999), fused=True)
        if kind == "rmsprop":
            return RMSprop(params, lr=lr, alpha=momentum)
        return SGD(params, lr=lr, momentum=momentum if kind == "momentum" else 0.0, fused=True)

    def __init__(
        self, params: Iterable[Any], kind: Kind = "adam", lr: float = 1e-3, momentum_logit: float = 2.2
    ) -> None:
        """Declare the arguments of `__new__` for the command line; never called."""
