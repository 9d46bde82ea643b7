"""OptimizerChoice creates optimizers of torch.optim with one momentum-like hyperparameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rnn_capacity.population.optimizers import POPULATION_OPTIMIZERS, population_optimizer
from rnn_capacity.training import OptimizerChoice
from tests.program import Runner

CONSTANTS = [
    ("sgd", torch.optim.SGD, {"momentum": 0.0}),
    ("momentum", torch.optim.SGD, {"momentum": 0.75}),
    ("rmsprop", torch.optim.RMSprop, {"alpha": 0.75, "momentum": 0}),
    ("adam", torch.optim.Adam, {"betas": (0.75, 0.999)}),
]
LOGIT = math.log(3)
"""The logit of 3/4."""


@pytest.mark.parametrize(("kind", "expected", "constants"), CONSTANTS)
def test_the_optimizer_is_one_of_torch_with_the_right_constants(
    kind: Any, expected: Callable[..., torch.optim.Optimizer], constants: dict[str, Any]
) -> None:
    optimizer = OptimizerChoice([nn.Parameter(torch.zeros(3))], kind=kind, lr=0.02, momentum_logit=LOGIT)
    assert type(optimizer) is expected
    assert population_optimizer(optimizer) is POPULATION_OPTIMIZERS[expected]
    assert optimizer.defaults["lr"] == 0.02
    defaults = expected([nn.Parameter(torch.zeros(3))]).defaults
    for name, value in optimizer.defaults.items():
        if name not in ("lr", "fused"):
            assert value == pytest.approx(constants.get(name, defaults[name])), name


@pytest.mark.parametrize(("kind", "expected", "constants"), CONSTANTS)
def test_the_optimizer_makes_the_steps_of_torch(
    kind: Any, expected: Callable[..., torch.optim.Optimizer], constants: dict[str, Any]
) -> None:
    one, other = (nn.Parameter(torch.arange(3, dtype=torch.float64)) for _ in range(2))
    chosen = OptimizerChoice([one], kind=kind, lr=0.05, momentum_logit=LOGIT)
    plain = expected([other], lr=0.05, **constants)
    for _ in range(20):
        for parameter, optimizer in ((one, chosen), (other, plain)):
            optimizer.zero_grad()
            (parameter.cos() + parameter**2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert (one - torch.arange(3)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "sgdm"}, "kind must be one of sgd, momentum, rmsprop, adam; got 'sgdm'"),
        ({"lr": 0.0}, "lr must be a positive number, got 0"),
        ({"lr": math.nan}, "lr must be a positive number, got nan"),
        ({"momentum_logit": math.inf}, "momentum_logit must be a finite number, got inf"),
    ],
)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimizerChoice([nn.Parameter(torch.zeros(3))], **arguments)


def test_a_run_accepts_the_short_class_name_of_the_optimizer(runner: Runner, toy: Any) -> None:
    options = ["--model.optimizer=OptimizerChoice", "--model.optimizer.kind=rmsprop", "--model.optimizer.lr=0.01"]
    chosen = runner("fit", *toy(), *options, f"--model.optimizer.momentum_logit={math.log(99)}")
    plain = runner("fit", *toy(), "--model.optimizer=torch.optim.RMSprop", "--model.optimizer.lr=0.01")
    assert chosen["likelihood_bits"] == pytest.approx(plain["likelihood_bits"], rel=1e-3)
