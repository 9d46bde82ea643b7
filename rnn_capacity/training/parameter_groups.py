"""Frozen layers, and the optimizer's parameter groups with a learning rate for each layer."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from rnn_capacity.models import RecurrentNetwork


def layer_parameters(network: RecurrentNetwork, layer: int) -> list[nn.Parameter]:
    """List the parameters of a layer: cell, initial state, norm, and in the first layer the input projection."""
    stack = network.stack
    parts: list[nn.Module] = [stack.cells[layer], *stack.norms[layer : layer + 1]]
    if layer == 0 and stack.projection is not None:
        parts.append(stack.projection)
    return [stack.initial_states[layer], *(parameter for part in parts for parameter in part.parameters())]


def freeze_layers(network: RecurrentNetwork, layers: list[int]) -> None:
    """Freeze layers of a network by setting `requires_grad` of their parameters to False.

    Args:
        network: The network.
        layers: Indices of layers, counted from 0 at the bottom.

    Raises:
        ValueError: If there is no such layer.
    """
    depth = len(network.stack.cells)
    for layer in layers:
        if not 0 <= layer < depth:
            raise ValueError(f"freeze must contain layers from 0 to {depth - 1}, got {layer}")
        for parameter in layer_parameters(network, layer):
            parameter.requires_grad_(False)


def parameter_groups(network: RecurrentNetwork, rates: list[float] | None) -> list[dict[str, Any]]:
    """Return the optimizer's parameter groups: one, or with rates one per layer and one for the readout.

    Args:
        network: The network.
        rates: Factor of the learning rate of each layer, the bottom one's first; None makes one group.

    Raises:
        ValueError: If there is not one factor per layer, or one is negative.
    """
    if rates is None:
        return [{"params": [parameter for parameter in network.parameters() if parameter.requires_grad]}]
    depth = len(network.stack.cells)
    if len(rates) != depth or not all(0 <= rate < math.inf for rate in rates):
        raise ValueError(f"layer_rates must be {depth} factors of at least 0, one per layer, got {rates}")
    groups = [layer_parameters(network, layer) for layer in range(depth)] + [list(network.readout.parameters())]
    return [
        {"params": [parameter for parameter in group if parameter.requires_grad], "factor": factor}
        for group, factor in zip(groups, [*rates, 1.0], strict=True)
    ]
