"""Stacks the parameters of several networks of one architecture in one network."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from torch import nn
from torch.func import stack_module_state

from rnn_capacity.models.network import RecurrentNetwork

MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))
"""Names of the attributes that torch itself keeps in every `nn.Module`."""


def stack_networks(networks: Sequence[RecurrentNetwork]) -> RecurrentNetwork:
    """Return a copy of the first network that holds the parameters and buffers of all K, stacked in dimension 0."""
    stacked = deepcopy(networks[0])
    parameters, buffers = stack_module_state(list(networks))
    values: dict[Any, Any] = {
        old: nn.Parameter(parameters[name], old.requires_grad) for name, old in stacked.named_parameters()
    }
    values |= {old: buffers[name] for name, old in stacked.named_buffers()}
    for module in stacked.modules():
        for tensors in (module._parameters, module._buffers):
            tensors.update({key: values[tensor] for key, tensor in tensors.items() if tensor is not None})
    return stacked


def layout(network: RecurrentNetwork) -> list[object]:
    """Describe a network's architecture, so that networks whose descriptions are equal can be stacked."""
    return [
        (
            name,
            type(module),
            sorted((key, full_repr(value)) for key, value in vars(module).items() if key not in MODULE_ATTRIBUTES),
            [(key, p.shape, p.dtype, p.requires_grad) for key, p in module.named_parameters(recurse=False)],
            [(key, b.shape, b.dtype) for key, b in module.named_buffers(recurse=False)],
        )
        for name, module in network.named_modules()
    ]


def full_repr(value: object) -> str:
    """Return a `repr` of a value that has all elements and digits even of a tensor or an array."""
    return repr(value.tolist() if hasattr(value, "tolist") else value)
