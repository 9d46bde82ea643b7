"""Several networks at once by `torch.func.vmap`, for cells whose code takes one network's weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from rnn_capacity.cells import State
from rnn_capacity.models.network import RecurrentNetwork
from rnn_capacity.models.stacked import stacked


class VmappedNetwork(nn.Module):
    """What `stacked` makes, by mapping the code of one network over the weights of all.

    It works for any code that torch can map, if not as fast.

    Args:
        networks: K networks of one cell, depth, size and options.

    Raises:
        ValueError: If there is none, or they are not alike.
    """

    def __init__(self, networks: Sequence[RecurrentNetwork]) -> None:
        super().__init__()
        self.weights = stacked(networks)
        self.one = [networks[0]]  # no module of this one: its parameters are not trained

    def forward(self, inputs: Tensor, state: list[State] | None = None, **options: Any) -> tuple[Tensor, list[State]]:
        """Run every network; see `RecurrentNetwork.forward`.

        Args:
            inputs: (K or 1, batch, time, input_size), or indices (K or 1, batch, time, k).
            state: None.
            **options: `steps`, `warmup` and `repeat_last`.

        Returns:
            (K, batch, T - warmup, output_size), and no states.
        """
        tensors = {**dict(self.weights.named_parameters()), **dict(self.weights.named_buffers())}
        shared = len(inputs) == 1
        if not inputs.is_floating_point():  # torch has no map of the look-up
            ones = F.one_hot(inputs.long(), self.weights.stack.input_size).sum(-2)
            inputs = ones.to(self.weights.readout.weight)

        def run(own: dict[str, Tensor], samples: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self.one[0], own, (samples,), options)[0]
            return outputs

        mapped: Callable[..., Tensor] = torch.func.vmap(run, in_dims=(0, None if shared else 0))
        return mapped(tensors, inputs[0] if shared else inputs), []
