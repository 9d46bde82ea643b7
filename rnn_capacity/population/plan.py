"""How a member is trained, and with which others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnn_capacity.models import can_run_together
from rnn_capacity.models.stacking import layout
from rnn_capacity.population.member import Member
from rnn_capacity.population.memory import chunk_bytes
from rnn_capacity.population.optimizers import MemberOptimizer, kind_of, settings_of
from rnn_capacity.population.rates import learning_rates

PADDING = 1 / 8
"""Most of a chunk's samples that may be padding, unless that is little."""

SPARE_BYTES = 2**23
"""Padding that counts as little: it costs no more than the calls that another chunk would make."""

OWN = ("samples", "samples_per_parameter", "show")
"""Options of the data that members of one chunk may differ in."""


@dataclass(frozen=True)
class Plan:
    """How a member is trained, as settled before the first step."""

    place: int
    """Among the population's members."""

    member: Member

    kind: type[MemberOptimizer] | None
    """Its optimizer; None for a member that only `fit` can train."""

    settings: dict[str, Any]
    """The optimizer's hyperparameters."""

    rates: Tensor
    """The learning rate of each step, (max_steps,), float64."""

    data: str
    """What the data depend on: members with equal ones have the same batches."""

    alike: str
    """What members must share to be trained in one step."""


def plan(place: int, member: Member, mappable: dict[str, bool] | None = None) -> Plan:
    """Settle how a member is trained.

    Args:
        place: Among the population's members.
        member: The member.
        mappable: Answers of `can_run_together` by the network's layout, to which more are added.
    """
    module = member.module
    module.load_initial_weights(member.task)
    (optimizer,), schedules = module.build_optimizer(member.max_steps)
    kind = kind_of(optimizer)
    mappable = {} if mappable is None else mappable
    form = repr(layout(module.network))
    if form not in mappable:
        mappable[form] = can_run_together(module.network)
    # a stream's later pieces leave the learned initial state alone, and torch.optim passes over it
    together = mappable[form] and not member.task.carries_state
    settings = {} if kind is None else settings_of(optimizer)
    rates = None if kind is None else learning_rates(optimizer, schedules, member.max_steps)
    if kind is None or rates is None or not together:
        return Plan(place, member, None, {}, torch.empty(0), "", "")
    dtype = next(module.parameters()).dtype
    options = {name: value for name, value in member.data.hparams.items() if name not in OWN}
    shape = json.dumps([type(member.data).__name__, options], default=str, sort_keys=True)
    data = f"{shape} {member.task.samples}"
    alike = f"{form} {kind.__name__} {dtype} {shape}"
    return Plan(place, member, kind, settings, rates, data, alike)


def chunks(plans: Sequence[Plan], device: torch.device) -> list[list[Plan]]:
    """Members to be trained in one step: alike, of about as many samples, and few enough for the device's memory."""
    found: list[list[Plan]] = []
    most = chunk_bytes(device)
    used = largest = 0  # bytes that the last chunk's members keep, and the largest of them
    for one in sorted(plans, key=lambda one: (one.alike, one.member.task.samples or 0, one.place)):
        kept = kept_bytes(one)
        if found and found[-1][0].alike == one.alike:
            taken = max(largest, kept) * (len(found[-1]) + 1)
            if taken <= most and taken - used - kept <= max(PADDING * taken, SPARE_BYTES):
                found[-1].append(one)
                used, largest = used + kept, max(largest, kept)
                continue
        found.append([one])
        used = largest = kept
    return found


def samples_of(member: Member) -> int:
    """Samples of an optimizer step."""
    batch: int | None = getattr(member.task, "batch_size", None)
    return min(count for count in (member.task.samples, batch) if count is not None)


def kept_bytes(one: Plan) -> int:
    """About what a member takes: of one step what the way back needs, and all that has its weights' size, and rates.

    The first is inputs, gates and states; the second the weights, their gradients by tensor and in a row, and two
    running means of the optimizer.
    """
    task: Any = one.member.task
    stack = one.member.module.network.stack
    widths = sum(
        2 * state.numel() + getattr(cell, "bias", state).numel()
        for cell, state in zip(stack.cells, stack.initial_states, strict=True)
    )
    size = (widths + stack.input_size) * task.steps * samples_of(one.member)
    size += 5 * one.member.module.parameters_total
    return int(size * next(stack.parameters()).element_size()) + one.rates.nbytes
