"""The network that the paper trains: a stack and an affine readout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_capacity.cells import Cell, State, cell_class
from rnn_capacity.models.initialization import Initialization
from rnn_capacity.models.size import parameter_count
from rnn_capacity.models.stack import Stack


class RecurrentNetwork(nn.Module):
    """A stack of cells and an affine readout of the top layer (Collins et al. 2017, sec. 1.2).

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        input_size: Features m of the input.
        hidden_size: Units n of every layer.
        output_size: Outputs o.
        initialization: How the weights start; None is `Initialization()`.
        seed: Of the weights. The same seed gives the same network and leaves the global generator as it was; None
            draws from the global generator.
        **options: Further arguments of `Stack`.

    Raises:
        ValueError: If an argument is out of range, a +RNN network of depth 1 is asked for, or a cell of one's own
            miscounts its parameters.
    """

    def __init__(
        self,
        cell: str | type[Cell],
        depth: int,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        initialization: Initialization | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        least = cell_class(cell).min_network_depth
        if 1 <= depth < least:
            raise ValueError(
                f"depth: {depth} given, a network of {cell_class(cell).__name__} needs at least {least}: its gates "
                "couple the way up the stack to the way through time, and the paper leaves the single layer out"
            )
        if output_size < 1:
            raise ValueError(f"output_size: {output_size} given, at least 1 needed")
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # the CPU's alone: fork_rng keeps no other
            self.stack = Stack(cell, depth, input_size, hidden_size, initialization=initialization, **options)
            self.readout = nn.Linear(hidden_size, output_size)
            (initialization or Initialization()).affine(self.readout)
        norm = bool(self.stack.norms)
        counted = parameter_count(cell, depth, hidden_size, input_size, output_size, layer_norm=norm)
        if self.parameters_total != counted:
            raise ValueError(
                f"cell: {cell!r} given, by whose parameter_count the network has {counted} parameters; "
                f"it has {self.parameters_total}"
            )

    @property
    def parameters_total(self) -> int:
        """Parameters, the learned initial states included; frozen ones count."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(
        self,
        inputs: Tensor,
        state: list[State] | None = None,
        *,
        lengths: Tensor | None = None,
        steps: int | None = None,
        warmup: int = 0,
        repeat_last: bool = False,
    ) -> tuple[Tensor, list[State]]:
        """Read the stack's outputs.

        Args:
            inputs: (batch, time, input_size), or integers (batch, time, k), the places of k ones.
            state: Each layer's state before the first step; None is the learned initial state.
            lengths: Steps of each sample, (batch,); None is all.
            steps: Steps T to run; None is the inputs' own number. Beyond the inputs the input is zero.
            warmup: First steps that are not read.
            repeat_last: Beyond the inputs the input is the last one instead.

        Returns:
            (batch, T - warmup, output_size), of the state's type under autocast, too, so that losses and metrics are
            exact; and each layer's state after the last step.
        """
        readout = (self.readout.weight, self.readout.bias) if self.stack.members else None
        outputs, state = self.stack(
            inputs, state, lengths=lengths, steps=steps, warmup=warmup, repeat_last=repeat_last, readout=readout
        )
        return outputs if readout is not None else self.readout(outputs).to(outputs.dtype), state
