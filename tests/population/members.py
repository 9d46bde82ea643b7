"""Members unlike each other, and what each is alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD, Adam, AdamW, RMSprop

from rnn_capacity import tasks
from rnn_capacity.models import Initialization
from rnn_capacity.population import Member, train
from rnn_capacity.training import TotalDecay

OPTIMIZERS: dict[str, partial[Any]] = {
    "sgd": partial(SGD, lr=1e-3),
    "momentum": partial(SGD, lr=1e-3, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "rmsprop": partial(RMSprop, lr=1e-3),
    "rmsprop with momentum": partial(RMSprop, lr=1e-3, momentum=0.5, weight_decay=0.01),
    "adam": partial(Adam, lr=1e-3, betas=(0.8, 0.99)),
    "adamw": partial(AdamW, lr=1e-3, weight_decay=0.1),
    "adam, decoupled": partial(Adam, lr=1e-3, weight_decay=0.1, decoupled_weight_decay=True),
}


def member(place: int, steps: int, cell: str = "rnn", kind: str = "adam", **given: Any) -> Member:
    """A member unlike its neighbours in everything that members of one chunk may differ in."""
    data = given.pop("data", None) or tasks.RandomMapping(samples=20 + 2 * place, input_size=6, steps=3)
    options: dict[str, Any] = {
        "depth": 2 if cell == "intersection" else 1,
        "hidden_size": 4,
        "b_fg": 0.5 * place,
        "initialization": Initialization(
            recurrent=None if cell == "irnn" else "orthogonal" if place % 3 == 1 else "normal",
            input_scale=0.5 + 0.1 * place,
            bias="normal",
            bias_scale=0.0 if cell == "irnn" else 0.3,
        ),
        "optimizer": optimizer(kind, place) if kind in OPTIMIZERS else given.pop("optimizer"),
        "schedule": partial(TotalDecay, decay=0.1 * (1 + place)),
        "clip_norm": 0.02 if place % 2 else None,
        "clip_value": 0.01 if place % 3 == 2 else None,
        "l2": 1e-3 * place,
        "seed": place,
    }
    module_class = getattr(tasks, type(data).__name__.replace("Data", "Module"))
    sizes = {"input_size": data.input_size, "output_size": data.output_size}
    return Member(module_class(cell, **sizes, **{**options, **given}).double(), data, steps)


def optimizer(kind: str, place: int) -> Callable[..., Any]:
    """An optimizer of a kind whose every constant is this member's own."""
    given = OPTIMIZERS[kind]
    less = 1 - 0.05 * place
    own = {name: value * less for name, value in given.keywords.items() if name in ("momentum", "weight_decay")}
    if "betas" in given.keywords:
        own["betas"] = tuple(beta * less for beta in given.keywords["betas"])
    if given.func is RMSprop:
        own["alpha"] = 0.99 - 0.001 * place
    return partial(given, lr=1e-3 / (1 + place), **own)


def weights(one: Member) -> Tensor:
    """All parameters, in a row."""
    return parameters_to_vector(one.module.network.parameters()).detach()


def alone(one: Member) -> tuple[Tensor, dict[str, Any]]:
    """A member's weights and figures, trained by `fit`."""
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_steps=one.max_steps, accelerator="cpu", enable_checkpointing=False, **quiet)
    trainer.fit(one.module, datamodule=one.data)
    trainer.test(one.module, datamodule=one.data, verbose=False)
    module = one.module
    return weights(one), {
        **module.measured[one.task.final_splits[-1]],
        "feasible": module.diverged_at is None,
        "diverged_at": module.diverged_at,
    }


def compare(make: Callable[[int], Member], members: int, tolerance: float) -> None:
    """Train members together, and each alone; weights and figures are to be the same."""
    together = [make(place) for place in range(members)]
    results = train(together)
    for place, (one, result) in enumerate(zip(together, results, strict=True)):
        wanted, figures = alone(make(place))
        torch.testing.assert_close(weights(one), wanted, rtol=tolerance, atol=tolerance)
        for name, value in figures.items():
            expected = value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)
            assert result[name] == expected, name
