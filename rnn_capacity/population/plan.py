"""Which members can be trained in one step, and how each of them is."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnn_capacity import cells
from rnn_capacity.models import RecurrentNetwork, stacked
from rnn_capacity.models.stacked import layout
from rnn_capacity.population.member import Member
from rnn_capacity.population.optimizers import MemberOptimizer, kind_of, settings_of

PADDING = 1 / 8
"""Most of a chunk's samples that may be padding."""

CHUNK_BYTES = 64 * 2**20
"""Most that a chunk's states of all steps and layers take; what does not fit is another chunk."""


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


def plan(place: int, member: Member) -> Plan:
    """Settle how a member is trained."""
    module = member.module
    module.load_initial_weights(member.task)
    (optimizer,), schedules = module.build_optimizer(member.max_steps)
    kind = kind_of(optimizer)
    stack = module.network.stack
    free = all(parameter.requires_grad for parameter in module.network.parameters())
    # a stream's later pieces leave the learned initial state alone, and torch.optim passes over it
    if (
        member.task.carries_state
        or not free
        or stack.dropout
        or stack.recurrent_dropout
        or not shared_code(module.network)
    ):
        kind = None
    if kind is None:
        return Plan(place, member, None, {}, torch.empty(0), "", "")
    settings = settings_of(optimizer)
    rates = torch.full((member.max_steps,), settings["lr"], dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")  # the optimizer makes no steps
        for schedule in schedules:
            for step in range(member.max_steps):
                rates[step] = optimizer.param_groups[0]["lr"]
                schedule.step()
    dtype = next(module.parameters()).dtype
    data = {name: value for name, value in member.data.hparams.items() if not name.startswith("samples")}
    shape = json.dumps([type(member.data).__name__, data], default=str, sort_keys=True)
    data_key = f"{shape} {member.task.samples}"
    alike = f"{layout(module.network)} {kind.__name__} {dtype} {shape}"
    return Plan(place, member, kind, settings, rates, data_key, alike)


def shared_code(network: RecurrentNetwork) -> bool:
    """Whether the cell's own code runs the stacked weights of several networks and gives what each gives alone.

    That of this package's cells does; a cell from elsewhere is tried out on two networks.
    """
    cell = network.stack.cells[0]
    if type(cell).__module__.startswith(f"{cells.__name__}."):
        return True
    other = deepcopy(network)
    weight = next(network.parameters())
    inputs = torch.arange(2 * 3 * 2 * network.stack.input_size, dtype=weight.dtype, device=weight.device).cos()
    inputs = inputs.view(2, 3, 2, network.stack.input_size)
    with torch.no_grad():
        for place, parameter in enumerate(other.parameters()):
            parameter.mul_(0.5).add_(0.1 * (1 + place))
        alone = torch.stack([one(part)[0] for one, part in zip((network, other), inputs, strict=True)])
        try:
            together, _ = stacked([network, other])(inputs, steps=2)
        except Exception:  # whatever code raises that was written for one network
            return False
    return together.shape == alone.shape and bool(torch.isclose(together, alone, rtol=1e-4, atol=1e-5).all())


def chunks(plans: Sequence[Plan]) -> list[list[Plan]]:
    """Members to be trained in one step: alike, of about as many samples, and few enough for the memory."""
    found: list[list[Plan]] = []
    for one in sorted(plans, key=lambda one: (one.alike, one.member.task.samples or 0, one.place)):
        chunk = found[-1] if found else []
        if chunk and chunk[0].alike == one.alike and fits([*chunk, one]):
            chunk.append(one)
        else:
            found.append([one])
    return found


def fits(chunk: list[Plan]) -> bool:
    """Whether a chunk, ordered by samples, is within PADDING and CHUNK_BYTES."""
    member = chunk[-1].member
    task: Any = member.task
    batch: int | None = getattr(task, "batch_size", None)
    least = [min(count for count in (one.member.task.samples, batch) if count is not None) for one in chunk]
    most, used = max(least), sum(least)
    stack = member.module.network.stack
    rows = sum(int(state.numel()) for state in stack.initial_states)
    gates = sum(
        getattr(cell, "bias", state).numel() for cell, state in zip(stack.cells, stack.initial_states, strict=True)
    )
    size = len(chunk) * most * task.steps * (rows + gates) * next(stack.parameters()).element_size()
    return used >= (1 - PADDING) * most * len(chunk) and size <= CHUNK_BYTES
