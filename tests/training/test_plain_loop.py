"""The trainer's run compared with a plain PyTorch loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD, Adam, Optimizer, RMSprop

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TotalDecay
from tests.training.conftest import Fit

STEPS = 60
Factory = Callable[[Iterable[nn.Parameter]], Optimizer]

OPTIMIZERS: dict[str, Factory] = {
    "sgd": partial(SGD, lr=0.2),
    "momentum": partial(SGD, lr=0.1, momentum=0.9),
    "rmsprop": partial(RMSprop, lr=0.01, alpha=0.9),
    "adam": partial(Adam, lr=0.02, betas=(0.8, 0.99)),
}


@dataclass(frozen=True)
class Extras:
    decay: float = 1.0
    clip_value: float | None = None
    clip_norm: float | None = None
    l2: float = 0.0


EXTRAS = {
    "plain": Extras(),
    "decay": Extras(decay=0.05),
    "clip_value": Extras(clip_value=0.02),
    "clip_norm": Extras(clip_norm=0.05),
    "l2": Extras(l2=0.01),
    "all": Extras(decay=0.05, clip_value=0.02, clip_norm=0.05, l2=0.01),
}


def plain_loop(network: nn.Module, task: RandomMapping, factory: Factory, extras: Extras) -> int:
    """Train a network in place by a plain loop, and return the number of steps that were clipped."""
    inputs, labels = task.draw_samples()
    sequence = torch.zeros(task.samples, task.steps, task.input_size, dtype=torch.float64)
    sequence[:, 0] = inputs
    weights = list(network.parameters())
    optimizer = factory(weights)
    start = optimizer.param_groups[0]["lr"]
    clipped = 0
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = start * extras.decay ** (step / STEPS)
        loss = F.binary_cross_entropy_with_logits(network(sequence)[0][:, -1, 0], labels.double())
        penalty = 0.5 * extras.l2 * torch.stack([(weight**2).sum() for weight in weights]).sum()
        gradients: Iterable[Tensor] = torch.autograd.grad(loss + penalty, weights)
        before = torch.cat([gradient.flatten() for gradient in gradients])
        if extras.clip_value is not None:
            gradients = [gradient.clamp(-extras.clip_value, extras.clip_value) for gradient in gradients]
        if extras.clip_norm is not None:
            norm = torch.stack([(gradient**2).sum() for gradient in gradients]).sum().sqrt()
            factor = min(1.0, extras.clip_norm / (float(norm) + 1e-6))  # 1e-6: torch's own guard against zero
            gradients = [factor * gradient for gradient in gradients]
        clipped += not torch.equal(before, torch.cat([gradient.flatten() for gradient in gradients]))
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
    return clipped


@pytest.mark.parametrize("extras", EXTRAS.values(), ids=EXTRAS)
@pytest.mark.parametrize("factory", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_trainer_makes_the_steps_of_a_plain_loop(fit: Fit, factory: Factory, extras: Extras) -> None:
    module = RecurrentModule(
        hidden_size=5,
        input_size=8,
        seed=3,
        optimizer=factory,
        schedule=None if extras.decay == 1.0 else partial(TotalDecay, decay=extras.decay),
        clip_value=extras.clip_value,
        clip_norm=extras.clip_norm,
        l2=extras.l2,
        steps_per_call=25,
    )
    fit(module, RandomMapping(samples=40, input_size=8, seed=2), STEPS, precision="64-true")
    expected = RecurrentNetwork("rnn", 1, 8, 5, 1, seed=3).double()
    start = parameters_to_vector(expected.parameters()).detach()
    clipped = plain_loop(expected, RandomMapping(samples=40, input_size=8, seed=2), factory, extras)
    assert (clipped > 5) == (extras.clip_value is not None or extras.clip_norm is not None)
    wanted = parameters_to_vector(expected.parameters()).detach()
    assert float((wanted - start).norm()) > 0.1
    trained = parameters_to_vector(module.network.parameters()).detach()
    torch.testing.assert_close(trained, wanted, rtol=1e-12, atol=1e-12)
