"""Loads the weights of another run's checkpoint into a network before a training."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.checkpoint_files import load_checkpoint


def load_weights(network: RecurrentNetwork, path: str, alphabet: str | None) -> None:
    """Load a checkpoint's weights into a network, matching input and readout weights by symbol.

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
    """Return a network's input or readout weights after copying a checkpoint's weights of shared symbols.

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
