"""Whether the compiled kernel can run the training of a network."""

from __future__ import annotations

from typing import cast

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from rnn_capacity.cells import Cell
from rnn_capacity.kernels import step_kernel
from rnn_capacity.kernels.native import native_library
from rnn_capacity.kernels.native.library import Library
from rnn_capacity.kernels.native.recurrence import NATIVE_CELLS
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.fixed import FixedTask
from rnn_capacity.training.optimizers import has_plain_options, update_rule
from rnn_capacity.training.task import Task

KERNEL_OPTIMIZERS: dict[type[Optimizer], int] = {Adam: 0, AdamW: 1, RMSprop: 2, SGD: 3}
"""Code in the C interface of each optimizer that the kernel implements."""


def kernel_for(network: RecurrentNetwork, task: Task, optimizer: Optimizer) -> Library | None:
    """Return the compiled kernel if it can run the whole training of a network.

    It needs a task with fixed data, a cell of this package, plain layers that are all trained, float32 or float64
    numbers on a CPU, and an optimizer that it implements.

    Args:
        network: The network.
        task: The task for the network.
        optimizer: The optimizer of its parameters.
    """
    stack, parameters = network.stack, list(network.parameters())
    plain = not (stack.norms or (stack.residual and len(stack.cells) > 1) or stack.dropout or stack.recurrent_dropout)
    kinds = {(part.dtype, part.device.type) for part in parameters}
    if not (plain and isinstance(task, FixedTask)):
        return None
    if not has_plain_options(optimizer) or update_rule(optimizer) not in KERNEL_OPTIMIZERS:
        return None
    if kinds not in ({(torch.float32, "cpu")}, {(torch.float64, "cpu")}):
        return None
    if type(step_kernel(cast(Cell, stack.cells[0]))) not in NATIVE_CELLS:
        return None
    return native_library() if all(part.requires_grad for part in parameters) else None
