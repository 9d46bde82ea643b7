"""Train a population, and measure each member as `fit` would."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from pytorch_lightning import Trainer
from torchmetrics import MeanMetric

from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.member import Member
from rnn_capacity.population.plan import Plan, chunks, plan
from rnn_capacity.training import go_through

Figures = dict[str, Any]
"""A member's result, by the keys of summary.json: the final figures, parameters, units, samples, steps, feasible and
diverged_at."""


def train(
    members: Sequence[Member],
    device: torch.device | str = "cpu",
    *,
    on_result: Callable[[int, Figures], None] | None = None,
    on_call: Callable[[int], None] | None = None,
) -> list[Figures]:
    """Train every member to its end; each result is what the member's own `fit` would give.

    Members with the same cell, sizes, options, kind of optimizer and data, the number of samples aside, make their
    steps together. A member that this cannot do (dropout, streams with carried state, frozen layers, rates by layer, an
    optimizer other than Adam, AdamW, RMSprop and SGD, a cell whose code takes one network's weights only) is trained by
    `fit` itself, on the CPU. There are no validations on the way. Members that share their data, as one object, share
    what it takes to make it, too.

    Args:
        members: The members; any mixture.
        device: Where they are trained.
        on_result: Called with a member's place and its figures as soon as it is done.
        on_call: Called every few steps with the number of steps that a chunk of the members has made.

    Returns:
        The figures of each member, in the members' order.

    Raises:
        ValueError: If a member's arguments do not fit together.
    """
    results: dict[int, Figures] = {}

    def keep(place: int, figures: Figures) -> None:
        results[place] = figures
        if on_result is not None:
            on_result(place, figures)

    plans = [plan(place, member) for place, member in enumerate(members)]
    for chunk in chunks([one for one in plans if one.kind is not None]):
        group = Chunk(chunk, torch.device(device))
        sources = dict(group.sources)

        def done(one: Plan, diverged_at: int | None, sources: dict[str, Any] = sources) -> None:
            keep(one.place, measured(one, sources[one.data], diverged_at, torch.device(device)))

        group.train(done, on_call)
    for one in plans:
        if one.kind is None:
            keep(one.place, alone(one.member))
    return [results[place] for place in range(len(members))]


@torch.no_grad()
def measured(one: Plan, source: Any, diverged_at: int | None, device: torch.device) -> Figures:
    """The figures of a member that has left its chunk."""
    member = one.member
    task, network = member.task, member.module.network.to(device)
    network.eval()
    found: dict[str, dict[str, float]] = {}
    for split in task.final_splits:
        figures, mean_loss = task.metric(network).to(device), MeanMetric(nan_strategy="disable").to(device)
        if diverged_at is None:
            go_through(task, network, source, split, figures, mean_loss)
            loss = float(mean_loss.compute())
            if not loss <= member.module.divergence_factor * task.constant_loss:
                diverged_at = member.max_steps
        if diverged_at is None:
            found[split] = {"loss": loss, **figures.compute()}
        else:
            found[split] = {"loss": task.constant_loss, **task.worthless()}
    call = member.module.steps_per_call  # fit ends with the call in which it diverged
    steps = member.max_steps if diverged_at is None else min(math.ceil(diverged_at / call) * call, member.max_steps)
    return summary(member, found, diverged_at, steps)


def alone(member: Member) -> Figures:
    """The figures of a member, trained by `fit`."""
    trainer = Trainer(
        max_steps=member.max_steps,
        accelerator="cpu",
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(member.module, datamodule=member.data)
    trainer.test(member.module, datamodule=member.data, verbose=False)
    module = member.module
    return summary(member, dict(module.measured), module.diverged_at, module.steps_trained)


def summary(member: Member, found: dict[Any, dict[str, float]], diverged_at: int | None, steps: int) -> Figures:
    """A member's result."""
    task, module = member.task, member.module
    own = found[task.final_splits[-1]]
    return {
        "parameters": module.parameters_total,
        "units": module.hidden_size,
        "samples": task.samples,
        "steps": steps,
        **own,
        **({f"val_{task.headline}": found["val"][task.headline]} if "val" in task.final_splits else {}),
        "feasible": diverged_at is None,
        "diverged_at": diverged_at,
    }
