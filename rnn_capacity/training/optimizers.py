"""The paper's four optimizers behind three numbers, so that a sweep chooses among them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, get_args

from torch.optim import SGD, Adam, Optimizer, RMSprop

Kind = Literal["sgd", "momentum", "rmsprop", "adam"]


class OptimizerChoice(Optimizer):
    """SGD, SGD with momentum, RMSProp or Adam, with one number for what each of them remembers by.

    The paper tunes a kind, a learning rate and one momentum-like number whose logit is uniform, other constants being
    at their defaults (Collins et al. 2017, App. A). It does not say which constant that is; here it is the one that
    weighs what came before: `momentum` of SGD with momentum, `alpha` of RMSProp, the first of Adam's `betas`. SGD has
    none and ignores it.

    What is made is an optimizer of torch.optim; this class is an optimizer by name alone, for the command line:
    `--model.optimizer OptimizerChoice --model.optimizer.kind rmsprop`.

    Args:
        params: The parameters, or groups of them.
        kind: sgd, momentum, rmsprop or adam.
        lr: Learning rate (the paper tunes it in [1e-4, 1e-1]).
        momentum_logit: Logit x of the momentum-like constant 1/(1 + exp(-x)) (the paper tunes it in [1, 7], which is
            0.731 to 0.9991; 2.2 is 0.9).

    Raises:
        ValueError: If the kind is not known, the learning rate is not positive or the logit not finite.
    """

    def __new__(  # type: ignore[misc]  # not one of its own instances
        cls, params: Iterable[Any], kind: Kind = "adam", lr: float = 1e-3, momentum_logit: float = 2.2
    ) -> Optimizer:
        """The optimizer of torch.optim."""
        if kind not in get_args(Kind):
            raise ValueError(f"optimizer.kind: {kind!r} given, {', '.join(get_args(Kind))} allowed")
        if not 0 < lr < math.inf:
            raise ValueError(f"optimizer.lr: {lr:g} given, a positive number needed")
        if not math.isfinite(momentum_logit):
            raise ValueError(f"optimizer.momentum_logit: {momentum_logit:g} given, a finite number needed")
        momentum = 1 / (1 + math.exp(-momentum_logit))
        if kind == "adam":
            return Adam(params, lr=lr, betas=(momentum, 0.999), fused=True)
        if kind == "rmsprop":
            return RMSprop(params, lr=lr, alpha=momentum)
        return SGD(params, lr=lr, momentum=momentum if kind == "momentum" else 0.0, fused=True)

    def __init__(
        self, params: Iterable[Any], kind: Kind = "adam", lr: float = 1e-3, momentum_logit: float = 2.2
    ) -> None:
        """Never called; tells the command line what `__new__` takes."""
