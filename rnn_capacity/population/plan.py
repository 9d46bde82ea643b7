"""Plans how each member of a population is trained, and divides the members into chunks trained together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor

from rnn_capacity.models import can_run_together
from rnn_capacity.models.stacking import layout
from rnn_capacity.population.member import Member
from rnn_capacity.population.memory_limits import chunk_bytes
from rnn_capacity.population.optimizers import MemberOptimizer, optimizer_settings, population_optimizer
from rnn_capacity.training import FixedTask, learning_rates
from rnn_capacity.training.kernel_support import kernel_for, shape_key

CPU = torch.device("cpu")

MAX_PADDING = 1 / 8
"""Largest share of the memory of members trained together (a chunk) that may be padding of smaller batches, unless the
padding takes at most SPARE_BYTES."""

SPARE_BYTES = 2**23
"""Bytes of padding that are always allowed in a chunk, since they cost less time than the steps of one more chunk."""

FREE_OPTIONS = ("samples", "samples_per_parameter", "show", "loss_exponent", "loss_exponent_from")
"""Options of the task in which members that are trained together (a chunk) may differ."""


@dataclass(frozen=True)
class MemberPlan:
    """How one network (member) of a population is trained: its optimizer, learning rates and data."""

    index: int
    """Index of the member in the population."""

    member: Member
    """The network to be trained, with its task and number of steps."""

    optimizer: type[MemberOptimizer] | None
    """Class of the optimizer for K networks at once; None for a member that is trained alone by Lightning's `fit`."""

    kernel: bool
    """Whether the compiled kernel makes the member's optimizer steps, without autograd."""

    settings: dict[str, Any]
    """Hyperparameters of the member's optimizer, from `optimizer_settings`."""

    rates: Tensor
    """Learning rate at each optimizer step, (max_steps,), float64."""

    exponents: Tensor | None
    """Exponent q of the generalized cross-entropy at each optimizer step, (max_steps,); None for another loss."""

    data_key: str
    """Text that is equal for members that train on the same batches."""

    group_key: str
    """Text that is equal for members that can make their optimizer steps together."""


def plan_member(index: int, member: Member, mappable: dict[str, bool], device: torch.device = CPU) -> MemberPlan:
    """Return how a member is trained: by which optimizer, at which learning rates, together with which members.

    Args:
        index: Index of the member in the population.
        member: The member.
        mappable: Answers of `can_run_together` by the network's layout; answers are added.
        device: The device on which it is trained.
    """
    module = member.module
    optimizer = population_optimizer(member.optimizer)
    form = repr(layout(module.network))
    if form not in mappable:
        mappable[form] = can_run_together(module.network)
    # a stream's later pieces leave the learned initial state alone, and torch.optim passes over it
    together = mappable[form] and not member.task.carries_state
    # a schedule of its own is stepped through for the rates: the member's stays at the first step
    rates = None if optimizer is None else learning_rates(*module.build_optimizer(member.max_steps), member.max_steps)
    if optimizer is None or rates is None or not together:
        return MemberPlan(index, member, None, False, {}, torch.empty(0), None, "", "")
    options = {name: value for name, value in asdict(member.task).items() if name not in FREE_OPTIONS}
    task_key = json.dumps([member.task.name, options], default=str, sort_keys=True)
    kernel = device.type == "cpu" and kernel_for(module.network, member.task, member.optimizer) is not None
    dtype = next(module.parameters()).dtype
    if kernel:
        group_key = f"kernel {shape_key(module.network, cast(FixedTask, member.task))}"
    else:
        group_key = f"{form} {optimizer.__name__} {dtype} {task_key}"
    return MemberPlan(
        index,
        member,
        optimizer,
        kernel,
        optimizer_settings(member.optimizer),
        rates,
        member.task.loss_exponents(member.max_steps),
        data_key=f"{task_key} {member.task.samples}",
        group_key=group_key,
    )


def make_chunks(plans: Sequence[MemberPlan], device: torch.device) -> list[list[MemberPlan]]:
    """Divide members into chunks that are trained together: alike, with similar numbers of samples, of bounded memory.

    Args:
        plans: The members.
        device: The device on which they are trained.
    """
    chunks: list[list[MemberPlan]] = []
    limit = chunk_bytes(device)
    used = largest = 0  # bytes of the last chunk's members, and of the largest of them
    for plan in sorted(plans, key=lambda plan: (plan.group_key, plan.member.task.samples or 0, plan.index)):
        needed = member_bytes(plan)
        if chunks and chunks[-1][0].group_key == plan.group_key:
            padded = max(largest, needed) * (len(chunks[-1]) + 1)
            wasted = 0 if plan.kernel else padded - used - needed  # the kernel does not pad
            if padded <= limit and wasted <= max(MAX_PADDING * padded, SPARE_BYTES):
                chunks[-1].append(plan)
                used, largest = used + needed, max(largest, needed)
                continue
        chunks.append([plan])
        used = largest = needed
    return chunks


def samples_per_step(member: Member) -> int:
    """Return the number of samples in the batch of one optimizer step."""
    batch: int | None = getattr(member.task, "batch_size", None)
    return min(count for count in (member.task.samples, batch) if count is not None)


def member_bytes(plan: MemberPlan) -> int:
    """Estimate a member's memory in bytes: activations of one step, weights, gradients, optimizer state and rates.

    Activations are inputs, gates and states, which the compiled kernel does not keep. Five copies of the weights' size
    are the weights, their gradients by tensor and in a row, and two running means of the optimizer.
    """
    task: Any = plan.member.task
    stack = plan.member.module.network.stack
    widths = sum(
        2 * state.numel() + getattr(cell, "bias", state).numel()
        for cell, state in zip(stack.cells, stack.initial_states, strict=True)
    )
    size = 0 if plan.kernel else (widths + stack.input_size) * task.steps * samples_per_step(plan.member)
    size += 5 * plan.member.module.parameters_total
    return int(size * next(stack.parameters()).element_size()) + plan.rates.nbytes
