"""Stacking of the parameters of several networks in one network."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from torch import nn
from torch.func import stack_module_state

from rnn_capacity.models.network import RecurrentNetwork

MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))
"""Attributes that torch keeps in every module."""


def stack_networks(networks: Sequence[RecurrentNetwork]) -> RecurrentNetwork:
    """Copy the first network and stack the parameters and buffers of all in it, with a dimension K in front."""
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
    """List all that a network's code reads except tensors' values; it must be equal in networks that are stacked."""
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
    """Return a `repr` of a value with all digits, which the `repr` of a tensor or an array rounds or leaves out."""
    return repr(value.tolist() if hasattr(value, "tolist") else value)
