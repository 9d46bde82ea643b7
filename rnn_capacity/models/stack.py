"""A stack of recurrent layers of one cell type."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_capacity.cells import Cell, State, cell_class, linear_or_lookup
from rnn_capacity.cells.linear import multi_hot
from rnn_capacity.checks import check_fraction, check_minimum
from rnn_capacity.models.initialization import Initialization
from rnn_capacity.models.unroll import unroll


class Stack(nn.Module):
    """A stack of recurrent layers of one cell type, each with a learned initial state (Collins et al. 2017, sec. 1.2).

    The first layer sees the input, every other one the layer below. A cell that needs an input of its own size (the
    +RNN) is preceded by an affine projection of the input. The weights are drawn from the global generator.

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        input_size: Features m of the input.
        hidden_size: Units n of every layer.
        nonlinearity: The activation s, "tanh" or "relu"; None is the cell's default.
        initialization: How the weights start; None is `Initialization()`.
        residual: Add each upper layer's input to its output; 0 parameters.
        layer_norm: Normalise each layer's output over its units; 2·n parameters a layer.
        dropout: Fraction of a layer's outputs dropped, in training, before the next layer; 0 parameters.
        recurrent_dropout: Fraction of h dropped, in training, where it enters a matrix product, the same units at
            every step of a sequence (Gal & Ghahramani 2016); 0 parameters.
        cell_options: Further arguments of the cell's constructor, such as `b_fg`.

    Raises:
        ValueError: If an argument is out of range or the cell does not take it.

    Example:
        >>> import torch
        >>> stack = Stack("lstm", depth=2, input_size=3, hidden_size=4)
        >>> outputs, state = stack(torch.zeros(5, 6, 3), steps=8, warmup=1)
        >>> outputs.shape, len(state), len(state[0])  # (batch, T - warmup, hidden_size); layers; h and c
        (torch.Size([5, 7, 4]), 2, 2)
    """

    def __init__(
        self,
        cell: str | type[Cell],
        depth: int,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str | None = None,
        initialization: Initialization | None = None,
        residual: bool = False,
        layer_norm: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        cell_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_minimum(1, depth=depth, input_size=input_size, hidden_size=hidden_size)
        check_fraction(dropout=dropout, recurrent_dropout=recurrent_dropout)
        kind = cell_class(cell)
        if recurrent_dropout and "mask" not in inspect.signature(kind.step).parameters:
            raise ValueError(
                f"recurrent_dropout must be 0 for {kind.__name__}, whose step takes no mask, got {recurrent_dropout:g}"
            )
        initialization = initialization or Initialization()
        self.takes_indices = kind.takes_indices
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.residual = residual
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout

        self.projection: nn.Linear | None = None
        if kind.equal_sizes:
            self.projection = nn.Linear(input_size, hidden_size)
            initialization.affine(self.projection)
        options = {**({} if nonlinearity is None else {"nonlinearity": nonlinearity}), **(cell_options or {})}
        cells: list[Cell] = []
        self.initial_states = nn.ParameterList()
        for layer in range(depth):
            features = input_size if layer == 0 and not kind.equal_sizes else hidden_size
            try:
                cells.append(kind(features, hidden_size, **options))
            except TypeError as error:
                raise ValueError(
                    f"cell_options must be arguments of {kind.__name__}, as must b_fg and nonlinearity, "
                    f"got {options} ({error})"
                ) from None
            initialization.cell(cells[-1], layer)
            self.initial_states.append(nn.Parameter(torch.empty(len(kind.state_names), hidden_size)))
            initialization.state(self.initial_states[-1])
        self.cells = nn.ModuleList(cells)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in range(depth if layer_norm else 0))

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
        """Run all layers over all time steps of a batch of sequences.

        Args:
            inputs: (batch, time, input_size); or integers (batch, time, k), the indices of k ones in an input of
                zeros, such as the one character of a one-hot input.
            state: Each layer's state before the first step; None is the learned initial state.
            lengths: Steps of each sample, (batch,), integers in [1, T]. The result is that of each sequence run alone:
                the state is the one after its last step, and its outputs after that are zero.
            steps: Time steps T to run; None is the inputs' own number. Steps beyond the inputs read zeros.
            warmup: Number of first steps whose outputs are not returned.
            repeat_last: Whether steps beyond the inputs read the last input instead of zeros.

        Returns:
            The top layer's outputs, (batch, T - warmup, hidden_size), and each layer's state after the last step.

        Raises:
            ValueError: If the shapes do not fit, or `warmup` leaves no step.
        """
        steps = check_sequence(inputs, ("batch", "time"), self.input_size, steps, warmup)
        self._check_samples(inputs, state, lengths, steps)
        sequence = inputs.movedim(1, 0)  # (time, batch, features): each step's rows lie together
        pad_input: Tensor | None = None
        if self.projection is not None:
            sequence = linear_or_lookup(sequence, self.projection.weight, self.projection.bias)
            pad_input = self.projection.bias.unsqueeze(0)  # the projection of an input of zeros
        elif not (sequence.is_floating_point() or self.takes_indices):
            sequence = multi_hot(sequence, self.input_size, like=self.initial_states[0])
        final = []
        for layer, cell in enumerate(self.cells):
            last = layer == len(self.cells) - 1
            first = warmup if last else 0
            outputs, end = unroll(
                cast(Cell, cell),
                sequence,
                tuple(self.initial_states[layer].unsqueeze(1).unbind(0)) if state is None else state[layer],
                steps,
                lengths,
                self._recurrent_mask(len(inputs)),
                pad_input=pad_input,
                repeat_last=repeat_last,
                warmup=first,
            )
            final.append(end)
            if self.norms:
                outputs = self.norms[layer](outputs)
            if not last:
                outputs = F.dropout(outputs, self.dropout, self.training)
            sequence = outputs + sequence[first:] if self.residual and layer > 0 else outputs
        result = sequence.movedim(0, 1)
        if lengths is not None:
            ended = torch.arange(warmup, steps, device=inputs.device) >= lengths.unsqueeze(1)
            result = result.masked_fill(ended.unsqueeze(-1), 0.0)
        return result, final

    def _recurrent_mask(self, batch: int) -> Tensor | None:
        """Draw the recurrent-dropout mask of a batch, (batch, hidden_size), or return None if the dropout is off."""
        if not (self.training and self.recurrent_dropout):
            return None
        return F.dropout(self.initial_states[0].new_ones(batch, self.hidden_size), self.recurrent_dropout)

    def _check_samples(self, inputs: Tensor, state: list[State] | None, lengths: Tensor | None, steps: int) -> None:
        """Check that there is a state for each layer and that the sequence lengths fit the batch and the time steps."""
        if state is not None and len(state) != len(self.cells):
            raise ValueError(f"state must have {len(self.cells)} layers, got {len(state)}")
        if lengths is None:
            return
        if lengths.shape != inputs.shape[:1] or lengths.is_floating_point():
            shape = tuple(lengths.shape)
            raise ValueError(
                f"lengths must be integers of shape ({len(inputs)},), got {lengths.dtype} of shape {shape}"
            )
        shortest, longest = int(lengths.min()), int(lengths.max())
        if shortest < 1 or longest > steps:
            raise ValueError(f"lengths must be in [1, {steps}], got {shortest} to {longest}")


def check_sequence(inputs: Tensor, leading: tuple[str, ...], input_size: int, steps: int | None, warmup: int) -> int:
    """Check the shape of a stack's inputs and return the number of time steps to run.

    Args:
        inputs: Features or indices, the time in the last dimension but one.
        leading: Names of the dimensions before the last.
        input_size: Features.
        steps: Steps T to run; None is the inputs' own number.
        warmup: First steps whose outputs are not returned.

    Returns:
        The number of steps.

    Raises:
        ValueError: If they do not fit together.
    """
    wrong_features = inputs.is_floating_point() and inputs.shape[-1] != input_size
    if inputs.dim() != len(leading) + 1 or wrong_features:
        raise ValueError(f"inputs must have shape ({', '.join(leading)}, {input_size}), got {tuple(inputs.shape)}")
    times = inputs.shape[-2]
    check_minimum(1, **{"time steps of inputs": times})
    steps = times if steps is None else steps
    if steps < times:
        raise ValueError(f"steps must be at least the {times} time steps of inputs, got {steps}")
    if not 0 <= warmup < steps:
        raise ValueError(f"warmup must be in [0, {steps - 1}], got {warmup}")
    return steps
