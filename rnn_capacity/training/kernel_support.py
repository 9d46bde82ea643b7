"""Decides whether the compiled C++ kernel can train a network, and describes the network for it.

Here are the conditions on network, task and optimizer. `kernel_fit` adds those on a trainer, `plan_member` those on a
population; for a recurrence whose loss torch computes, `kernels.native.recurrence.library_for` decides. Which build
runs, if any, is up to `native_library`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from rnn_capacity.cells import Cell
from rnn_capacity.kernels import step_kernel
from rnn_capacity.kernels.native import native_library
from rnn_capacity.kernels.native.library import Library
from rnn_capacity.kernels.native.recurrence import NATIVE_ACTIVATIONS, NATIVE_CELLS
from rnn_capacity.kernels.native.structures import LayerPlaces, Shape
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.fixed import FixedTask, LossKind
from rnn_capacity.training.optimizers import has_plain_options, update_rule
from rnn_capacity.training.task import Task

KERNEL_OPTIMIZERS: dict[type[Optimizer], int] = {Adam: 0, AdamW: 1, RMSprop: 2, SGD: 3}
"""Integer that stands for each optimizer that the compiled kernel implements, in the C interface."""

LOSSES: dict[LossKind, int] = {"binary": 0, "classes": 1, "squared": 2}
"""Integer that stands for each loss in the C interface of the compiled kernel."""


def kernel_for(network: RecurrentNetwork, task: Task, optimizer: Optimizer) -> Library | None:
    """Return the compiled kernel if it supports training a network on a task with an optimizer, else None.

    It needs a task with fixed data and one of the kernel's losses, a cell of this package, plain layers that are all
    trained, float32 or float64 numbers on a CPU, and an optimizer that it implements.

    Args:
        network: The network.
        task: The task for the network.
        optimizer: The optimizer of its parameters.
    """
    stack, parameters = network.stack, list(network.parameters())
    plain = not (stack.norms or (stack.residual and len(stack.cells) > 1) or stack.dropout or stack.recurrent_dropout)
    kinds = {(part.dtype, part.device.type) for part in parameters}
    if not (plain and isinstance(task, FixedTask) and has_kernel_loss(task)):
        return None
    if not has_plain_options(optimizer) or update_rule(optimizer) not in KERNEL_OPTIMIZERS:
        return None
    if kinds not in ({(torch.float32, "cpu")}, {(torch.float64, "cpu")}):
        return None
    if type(step_kernel(cast(Cell, stack.cells[0]))) not in NATIVE_CELLS:
        return None
    return native_library() if all(part.requires_grad for part in parameters) else None


def has_kernel_loss(task: FixedTask) -> bool:
    """Return whether the task's loss is one that the compiled kernel computes.

    A subclass that overrides `loss_per_sample` or `predict` but not `loss_kind` computes another loss.

    Args:
        task: The task.
    """
    if task.loss_kind is None:
        return False
    classes = type(task).__mro__
    places = {
        name: next(place for place, one in enumerate(classes) if name in vars(one))
        for name in ("loss_kind", "loss_per_sample", "predict")
    }
    return places["loss_kind"] <= min(places["loss_per_sample"], places["predict"])


def network_shape(network: RecurrentNetwork, task: FixedTask) -> Shape:
    """Describe the sizes of a network and its task as a `Shape` for the compiled kernel.

    Args:
        network: A network that `kernel_for` accepts, whose parameters, concatenated in the order of
            `named_parameters`, are the flat parameter vector.
        task: A task that `kernel_for` accepts.
    """
    places: dict[str, int] = {}
    parameters = 0
    for name, part in network.named_parameters():
        places[name] = parameters
        parameters += part.numel()
    cells: list[Any] = list(network.stack.cells)
    layers = (LayerPlaces * len(cells))()
    for layer, cell in enumerate(cells):
        own = f"stack.cells.{layer}"
        layers[layer] = LayerPlaces(
            inputs=cell.input_size,
            input=places[f"{own}.weight_input"],
            bias=places[f"{own}.bias"],
            weight=places[f"{own}.weight_recurrent"],
            candidate=places.get(f"{own}.weight_candidate", -1),
            state=places[f"stack.initial_states.{layer}"],
        )
    kernel = step_kernel(cells[0])
    return Shape(
        cell=NATIVE_CELLS[type(kernel)],  # type: ignore[index]  # `kernel_for` has looked it up
        activation=NATIVE_ACTIVATIONS[cells[0].nonlinearity],
        depth=len(cells),
        units=network.stack.hidden_size,
        inputs=network.stack.input_size,
        outputs=network.readout.out_features,
        steps=task.steps,
        scored_from=task.scored_from,
        every_step=int(task.show == "every"),
        loss=LOSSES[cast(LossKind, task.loss_kind)],
        parameters=parameters,
        projection_weight=places.get("stack.projection.weight", -1),
        projection_bias=places.get("stack.projection.bias", -1),
        readout_weight=places["readout.weight"],
        readout_bias=places["readout.bias"],
        layers=layers,
    )


def shape_key(network: RecurrentNetwork, task: FixedTask) -> tuple[Any, ...]:
    """Return a key that is equal for networks that can be trained in one call of the compiled kernel."""
    shape = network_shape(network, task)
    structures: list[Any] = [shape, *shape.layers[: shape.depth]]
    numbers = [getattr(one, name) for one in structures for name, *_ in one._fields_ if name != "layers"]
    return (*numbers, next(network.parameters()).dtype)
