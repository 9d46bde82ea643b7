"""Fine-tuning: loading the weights of another run, freezing layers, learning rates by layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.checkpoint_files import load_checkpoint


def load_weights(network: RecurrentNetwork, path: str, alphabet: str | None) -> None:
    """Load a checkpoint's weights into a network in place.

    The layers must have the same shapes. The weights of input and readout carry over symbol by symbol: the columns and
    rows of symbols that both alphabets contain are loaded, those of new symbols keep their initial values. Between runs
    without alphabets they are loaded if their sizes agree; from a run with an alphabet to one without, or the reverse,
    they keep their initial values.

    Args:
        network: The network.
        path: A checkpoint of this program.
        alphabet: Symbols of the network's input and output; None if it has none.

    Raises:
        ValueError: If the file is not a checkpoint of this program, or its layers differ from the network's.
    """
    checkpoint = load_checkpoint(path, "init_from")
    saved = {
        name.removeprefix("network."): weight
        for name, weight in checkpoint["state_dict"].items()
        if name.startswith("network.")
    }
    saved_alphabet = checkpoint.get("alphabet")
    own = network.state_dict()
    first = "stack.cells.0.weight_input" if network.stack.projection is None else "stack.projection.weight"
    ends = {first, "readout.weight", "readout.bias"}
    for name in sorted((set(own) ^ set(saved)) - ends):
        raise ValueError(
            f"init_from must be a checkpoint of the same cell, depth and options, got {path!r} ({name} is not in both)"
        )
    for name in sorted(set(own) - ends):
        if own[name].shape != saved[name].shape:
            raise ValueError(
                f"init_from must be a checkpoint of the same hidden_size and cell, got {path!r} "
                f"({name} is {tuple(saved[name].shape)} there and {tuple(own[name].shape)} here)"
            )
    loaded = {name: saved[name] for name in set(own) - ends}
    for name in ends & set(saved) & set(own):
        loaded[name] = copy_symbol_weights(own[name], saved[name], 1 if name == first else 0, alphabet, saved_alphabet)
    network.load_state_dict(loaded | {name: own[name] for name in (ends & set(own)) - set(saved)})


def copy_symbol_weights(
    own: Tensor, saved: Tensor, dimension: int, alphabet: str | None, saved_alphabet: str | None
) -> Tensor:
    """Copy the input or readout weights of the symbols that the network's and the checkpoint's alphabet share.

    Args:
        own: The network's initial weights.
        saved: The checkpoint's weights.
        dimension: The dimension whose index is the symbol.
        alphabet: The network's symbols; None if it has none.
        saved_alphabet: The checkpoint's symbols; None if it has none.

    Returns:
        The weights to load, of the shape of `own`.
    """
    if alphabet is None or saved_alphabet is None:
        return saved if alphabet is saved_alphabet and own.shape == saved.shape else own
    shared = [symbol for symbol in alphabet if symbol in saved_alphabet]
    here = torch.tensor([alphabet.index(symbol) for symbol in shared], dtype=torch.int64)
    there = torch.tensor([saved_alphabet.index(symbol) for symbol in shared], dtype=torch.int64)
    return own.cpu().index_copy(dimension, here, saved.index_select(dimension, there).to(own.dtype))


def layer_parameters(network: RecurrentNetwork, layer: int) -> list[nn.Parameter]:
    """List the parameters of a layer: cell, initial state, norm, and in the first layer the input projection."""
    stack = network.stack
    parts: list[nn.Module] = [stack.cells[layer], *stack.norms[layer : layer + 1]]
    if layer == 0 and stack.projection is not None:
        parts.append(stack.projection)
    return [stack.initial_states[layer], *(parameter for part in parts for parameter in part.parameters())]


def freeze_layers(network: RecurrentNetwork, layers: list[int]) -> None:
    """Exclude layers from training.

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
    """Group the trainable parameters for an optimizer: one group, or with rates one per layer and one for the readout.

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
