"""Members with different hyperparameters, and their training by `fit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
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
from rnn_capacity.population.plan import MemberPlan, plan_member
from rnn_capacity.training import RecurrentModule, TaskDataModule, TotalDecay
from tests.kernel_builds import kernel_build

OPTIMIZERS: dict[str, partial[Any]] = {
    "sgd": partial(SGD, lr=1e-3),
    "momentum": partial(SGD, lr=1e-3, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "rmsprop": partial(RMSprop, lr=1e-3),
    "rmsprop with momentum": partial(RMSprop, lr=1e-3, momentum=0.5, weight_decay=0.01),
    "adam": partial(Adam, lr=1e-3, betas=(0.8, 0.99)),
    "adamw": partial(AdamW, lr=1e-3, weight_decay=0.1),
    "adam, decoupled": partial(Adam, lr=1e-3, weight_decay=0.1, decoupled_weight_decay=True),
}


def member(index: int, steps: int, cell: str = "rnn", kind: str = "adam", **options: Any) -> Member:
    """A member that differs from its neighbours in everything that members of one chunk may differ in."""
    task = options.pop("task", None) or tasks.RandomMapping(samples=20 + 2 * index, input_size=6, steps=3)
    defaults: dict[str, Any] = {
        "depth": 2 if cell == "intersection" else 1,
        "hidden_size": 4,
        "b_fg": 0.5 * index,
        "initialization": Initialization(
            recurrent=None if cell == "irnn" else "orthogonal" if index % 3 == 1 else "normal",
            input_scale=0.5 + 0.1 * index,
            bias="normal",
            bias_scale=0.0 if cell == "irnn" else 0.3,
        ),
        "optimizer": optimizer(kind, index) if kind in OPTIMIZERS else options.pop("optimizer"),
        "schedule": partial(TotalDecay, decay=0.1 * (1 + index)),
        "clip_norm": 0.02 if index % 2 else None,
        "clip_value": 0.01 if index % 3 == 2 else None,
        "l2": 1e-3 * index,
        "seed": index,
    }
    sizes = {"input_size": task.input_size, "output_size": task.output_size}
    return Member(RecurrentModule(cell, **sizes, **{**defaults, **options}).double(), task, steps)


def plans_of(members: list[Member]) -> list[MemberPlan]:
    """The plan of each member's training."""
    return [plan_member(index, one, {}) for index, one in enumerate(members)]


def optimizer(kind: str, index: int) -> Callable[..., Any]:
    """An optimizer of a kind whose constants differ from those of all other members."""
    given = OPTIMIZERS[kind]
    less = 1 - 0.05 * index
    own = {name: value * less for name, value in given.keywords.items() if name in ("momentum", "weight_decay")}
    if "betas" in given.keywords:
        own["betas"] = tuple(beta * less for beta in given.keywords["betas"])
    if given.func is RMSprop:
        own["alpha"] = 0.99 - 0.001 * index
    return partial(given, lr=1e-3 / (1 + index), **own)


def weights(one: Member) -> Tensor:
    """All parameters in one vector."""
    return parameters_to_vector(one.module.network.parameters()).detach()


def alone(one: Member) -> tuple[Tensor, dict[str, Any]]:
    """Train a member by `fit` without the compiled kernel; return its weights and metrics."""
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_steps=one.max_steps, accelerator="cpu", enable_checkpointing=False, **quiet)
    data = TaskDataModule(one.task)
    with kernel_build("off"):
        trainer.fit(one.module, datamodule=data)
        trainer.test(one.module, datamodule=data, verbose=False)
    module = one.module
    return weights(one), {
        **module.metrics[one.task.final_splits[-1]],
        "feasible": module.diverged_at is None,
        "diverged_at": module.diverged_at,
    }


def compare(make: Callable[[int], Member], members: int, tolerance: float, builds: Sequence[str] = ()) -> None:
    """Check that members trained together get the weights and metrics of each trained alone.

    Args:
        make: A function that makes the member of an index.
        members: Number of members.
        tolerance: Relative and absolute tolerance of the weights.
        builds: Builds of the compiled kernel to train together with, one after another; by default the test's own.
    """
    wanted = [alone(make(index)) for index in range(members)]
    for build in builds or [None]:
        together = [make(index) for index in range(members)]
        with kernel_build(build) if build else nullcontext():
            results = train(together)
        for one, result, (expected, metrics) in zip(together, results, wanted, strict=True):
            torch.testing.assert_close(weights(one), expected, rtol=tolerance, atol=tolerance)
            for name, value in metrics.items():
                assert result[name] == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), name
