"""The weights of several networks in one."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn

from rnn_capacity.models.network import RecurrentNetwork

MODULE = frozenset(vars(nn.Module()))
"""What torch keeps in every module."""


def stacked(networks: Sequence[RecurrentNetwork]) -> RecurrentNetwork:
    """One network that runs several at once: every parameter and buffer has a dimension K in front.

    Its inputs are (K, batch, time, features), or (1, batch, time, features) where all read the same samples, and its
    outputs (K, batch, T, output_size): those of each network alone, up to the order of summation.

    Args:
        networks: K networks of one cell, depth, size and options; their initial weights, b_fg and seeds may differ.

    Raises:
        ValueError: If there is none, or they are not alike.
    """
    if not networks:
        raise ValueError("networks: none given, at least one needed")
    first = networks[0]
    form = layout(first)
    for network in networks[1:]:
        if layout(network) != form:
            raise ValueError("networks: of different cells, depths, sizes or options given, networks alike needed")
    together = deepcopy(first)
    parts = [dict(network.named_modules()) for network in networks]
    for name, module in together.named_modules():
        for key in module._parameters:
            weights = [part[name]._parameters[key] for part in parts]
            if all(weight is not None for weight in weights):
                values = torch.stack([weight.detach() for weight in weights if weight is not None])
                module._parameters[key] = nn.Parameter(values)
        for key in module._buffers:
            buffers = [part[name]._buffers[key] for part in parts]
            module._buffers[key] = torch.stack([buffer for buffer in buffers if buffer is not None])
    return together


def layout(network: RecurrentNetwork) -> list[object]:
    """What networks must share to be stacked: all that their code reads, the numbers in their tensors aside."""
    return [
        (
            name,
            type(module),
            sorted((key, written(value)) for key, value in vars(module).items() if key not in MODULE),
            [(key, tensor.shape, tensor.dtype) for key, tensor in module.named_parameters(recurse=False)],
            [(key, tensor.shape, tensor.dtype) for key, tensor in module.named_buffers(recurse=False)],
        )
        for name, module in network.named_modules()
    ]


def written(value: object) -> str:
    """A value in full; a tensor or an array writes itself with few digits, and a large one not at all."""
    return repr(value.tolist() if hasattr(value, "tolist") else value)
