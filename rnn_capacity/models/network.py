"""The network that the paper trains: a stack of recurrent layers and an affine readout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_capacity.cells import Cell, GatedCell, State, cell_class
from rnn_capacity.checks import check_memory, check_minimum
from rnn_capacity.models.initialization import Initialization
from rnn_capacity.models.size import parameter_count
from rnn_capacity.models.stack import Stack


class RecurrentNetwork(nn.Module):
    """A stack of recurrent layers and an affine readout of the top one (Collins et al. 2017, sec. 1.2).

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        input_size: Features m of the input.
        hidden_size: Units n of every layer.
        output_size: Outputs o.
        initialization: How the weights start; None is `Initialization()`.
        seed: Seed of the weights. The same seed gives the same network and leaves the global generator as it was; None
            draws from the global generator.
        **options: Further arguments of `Stack`.

    Raises:
        ValueError: If an argument is out of range, the depth is below the cell's `min_network_depth` (2 for the +RNN),
            or the `parameter_count` of your own cell is wrong.

    Example:
        >>> import torch
        >>> network = RecurrentNetwork("gru", depth=1, input_size=3, hidden_size=4, output_size=2, seed=0)
        >>> outputs, state = network(torch.zeros(5, 6, 3))
        >>> outputs.shape, network.parameters_total
        (torch.Size([5, 6, 2]), 110)
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
        check_minimum(1, output_size=output_size)
        kind = cell_class(cell)
        if 1 <= depth < kind.min_network_depth:
            raise ValueError(
                f"depth must be at least {kind.min_network_depth} for a network of {kind.__name__}, got {depth}"
            )
        if issubclass(kind, GatedCell):  # whose count takes no network
            check_memory(hidden_size=parameter_count(cell, max(1, depth), hidden_size, input_size, output_size))
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # the CPU's generator alone, since fork_rng restores no other
            self.stack = Stack(cell, depth, input_size, hidden_size, initialization=initialization, **options)
            self.readout = nn.Linear(hidden_size, output_size)
            (initialization or Initialization()).affine(self.readout)
        norm = bool(self.stack.norms)
        counted = parameter_count(cell, depth, hidden_size, input_size, output_size, layer_norm=norm)
        if self.parameters_total != counted:
            raise ValueError(
                f"parameter_count of {kind.__name__} must give a network of {self.parameters_total} parameters, "
                f"got {counted}"
            )

    @property
    def parameters_total(self) -> int:
        """Number of parameters, including the learned initial states and frozen layers."""
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
        """Run the stack over time and apply the readout to its outputs.

        Args:
            inputs: (batch, time, input_size), or integers (batch, time, k), the indices of k ones.
            state: Each layer's state before the first step; None is the learned initial state.
            lengths: Steps of each sample, (batch,); None is all.
            steps: Time steps T to run; None is the inputs' own number. Steps beyond the inputs read zeros.
            warmup: Number of first steps whose outputs are not returned.
            repeat_last: Whether steps beyond the inputs read the last input instead of zeros.

        Returns:
            (batch, T - warmup, output_size), of the state's type under autocast, too, so that losses and metrics are
            exact; and each layer's state after the last step.
        """
        outputs, state = self.stack(inputs, state, lengths=lengths, steps=steps, warmup=warmup, repeat_last=repeat_last)
        return self.readout(outputs).to(outputs.dtype), state
