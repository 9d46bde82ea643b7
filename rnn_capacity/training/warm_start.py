"""Begin from the weights of another run: loading, freezing, learning rates by depth."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_capacity.models import RecurrentNetwork


def load_weights(network: RecurrentNetwork, path: str, alphabet: str | None) -> None:
    """Load a checkpoint's weights into a network in place.

    The layers must be alike. The input and the readout carry over symbol by symbol: columns and rows of the symbols
    that both alphabets have are taken, those of new symbols keep their fresh start. Between runs without alphabets they
    are taken if their sizes agree; from a run with an alphabet to one without, or back, they start afresh.

    Args:
        network: The network.
        path: A checkpoint of this program.
        alphabet: The symbols of the network's input and output; None if it has none.

    Raises:
        ValueError: If the file is no checkpoint of this program, or its layers are not like the network's.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        saved = {
            name.removeprefix("network."): weight
            for name, weight in checkpoint["state_dict"].items()
            if name.startswith("network.")
        }
    except Exception as error:  # whatever a broken file makes torch raise
        raise ValueError(
            f"init_from: {path!r} given, not a readable checkpoint of this program ({error!r:.200})"
        ) from None
    known = checkpoint.get("alphabet")
    own = network.state_dict()
    first = "stack.cells.0.weight_input" if network.stack.projection is None else "stack.projection.weight"
    ends = {first, "readout.weight", "readout.bias"}
    for name in sorted((set(own) ^ set(saved)) - ends):
        raise ValueError(f"init_from: {path!r} given, of another cell, depth or options ({name} is not in both)")
    for name in sorted(set(own) - ends):
        if own[name].shape != saved[name].shape:
            shapes = f"{tuple(saved[name].shape)} there, {tuple(own[name].shape)} here"
            raise ValueError(f"init_from: {path!r} given, of another hidden_size or cell ({name}: {shapes})")
    loaded = {name: saved[name] for name in set(own) - ends}
    for name in ends & set(saved) & set(own):
        loaded[name] = carry_over(own[name], saved[name], 1 if name == first else 0, alphabet, known)
    network.load_state_dict(loaded | {name: own[name] for name in (ends & set(own)) - set(saved)})


def carry_over(own: Tensor, saved: Tensor, dimension: int, alphabet: str | None, known: str | None) -> Tensor:
    """An end of the network with what the checkpoint knows of it.

    Args:
        own: The fresh weights.
        saved: The checkpoint's.
        dimension: The one that counts symbols.
        alphabet: The network's symbols; None if it has none.
        known: The checkpoint's symbols; None if it has none.
    """
    if alphabet is None or known is None:
        return saved if alphabet is known and own.shape == saved.shape else own
    shared = [symbol for symbol in alphabet if symbol in known]
    here = torch.tensor([alphabet.index(symbol) for symbol in shared], dtype=torch.int64)
    there = torch.tensor([known.index(symbol) for symbol in shared], dtype=torch.int64)
    return own.cpu().index_copy(dimension, here, saved.index_select(dimension, there).to(own.dtype))


def layer_parameters(network: RecurrentNetwork, layer: int) -> list[nn.Parameter]:
    """The parameters of a layer: its cell, initial state and norm, and for the first one the input's projection."""
    stack = network.stack
    parts: list[nn.Module] = [stack.cells[layer], *stack.norms[layer : layer + 1]]
    if layer == 0 and stack.projection is not None:
        parts.append(stack.projection)
    return [stack.initial_states[layer], *(parameter for part in parts for parameter in part.parameters())]


def freeze_layers(network: RecurrentNetwork, layers: list[int]) -> None:
    """Keep the parameters of some layers, counted from 0 at the bottom, as they are.

    Raises:
        ValueError: If there is no such layer.
    """
    depth = len(network.stack.cells)
    for layer in layers:
        if not 0 <= layer < depth:
            raise ValueError(f"freeze: layer {layer} given, 0 to {depth - 1} allowed")
        for parameter in layer_parameters(network, layer):
            parameter.requires_grad_(False)


def parameter_groups(network: RecurrentNetwork, rates: list[float] | None) -> list[dict[str, Any]]:
    """The trainable parameters: one group, or with rates one for each layer and one for the readout.

    Raises:
        ValueError: If there is not one rate a layer, or one is negative.
    """
    if rates is None:
        return [{"params": [parameter for parameter in network.parameters() if parameter.requires_grad]}]
    depth = len(network.stack.cells)
    if len(rates) != depth or min(rates) < 0:
        raise ValueError(f"layer_rates: {rates} given, {depth} factors of at least 0 needed, the bottom layer's first")
    groups = [layer_parameters(network, layer) for layer in range(depth)] + [list(network.readout.parameters())]
    return [
        {"params": [parameter for parameter in group if parameter.requires_grad], "factor": factor}
        for group, factor in zip(groups, [*rates, 1.0], strict=True)
    ]
