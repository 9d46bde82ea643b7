"""A deep stack of cells."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_capacity.cells import Cell, State, affine, cell_class
from rnn_capacity.cells.affine import Affine
from rnn_capacity.models.initialization import Initialization
from rnn_capacity.models.unroll import unroll


class Stack(nn.Module):
    """Layers of one cell, each with a learned initial state (Collins et al. 2017, sec. 1.2).

    The first layer sees the input, every other one the layer below. A cell whose input must have its own size (the
    +RNN) is preceded by an affine projection of the input. The weights are drawn from the global generator.

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        input_size: Features m of the input.
        hidden_size: Units n of every layer.
        nonlinearity: The function s, "tanh" or "relu"; None is the cell's own.
        initialization: How the weights start; None is `Initialization()`.
        residual: Add each upper layer's input to its output; 0 parameters.
        layer_norm: Normalise each layer's output over its units; 2·n parameters a layer.
        dropout: Share of a layer's outputs dropped, in training, before the next layer; 0 parameters.
        recurrent_dropout: Share of h dropped, in training, where it enters a matrix product, the same units at every
            step of a sequence (Gal & Ghahramani 2016); 0 parameters.
        cell_options: More arguments of the cell's constructor, such as `b_fg`.

    Raises:
        ValueError: If an argument is out of range or the cell does not take it.
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
        for name, size in (("depth", depth), ("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name}: {size} given, at least 1 needed")
        for name, share in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if not 0 <= share < 1:
                raise ValueError(f"{name}: {share:g} given, a share in [0, 1) needed")
        kind = cell_class(cell)
        if recurrent_dropout and "mask" not in inspect.signature(kind.step).parameters:
            raise ValueError(f"recurrent_dropout: {recurrent_dropout:g} given, {kind.__name__}.step takes no mask: 0")
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
        cells: list[Cell] = []
        self.initial_states = nn.ParameterList()
        for layer in range(depth):
            features = input_size if layer == 0 and not kind.equal_sizes else hidden_size
            try:
                cells.append(kind(features, hidden_size, nonlinearity, **(cell_options or {})))
            except TypeError as error:
                raise ValueError(f"cell_options: {cell_options} given to {kind.__name__} ({error})") from None
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
        readout: Affine | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Run the stack over time.

        With the weights of K networks in place of one's (`stacked`), inputs are (K or 1, batch, time, ...) and outputs
        (K, batch, T - warmup, hidden_size); they start from the learned initial states, and no states are returned.

        Args:
            inputs: (batch, time, input_size); or integers (batch, time, k), the places of k ones in an input of zeros,
                such as the one character of a one-hot input.
            state: Each layer's state before the first step; None is the learned initial state.
            lengths: Steps of each sample, (batch,), integers in [1, T]. The result is that of each sequence run alone:
                the state is the one after its last step, and its outputs beyond are zero.
            steps: Steps T to run; None is the inputs' own number. Beyond the inputs the input is zero.
            warmup: First steps whose outputs are not returned.
            repeat_last: Beyond the inputs the input is the last one instead.
            readout: Of K networks: the matrices, (K, output_size, hidden_size), and biases, (K, output_size), that the
                outputs go through.

        Returns:
            The top layer's outputs, (batch, T - warmup, hidden_size), or what is read of them, and each layer's state
            after the last step.

        Raises:
            ValueError: If the shapes do not fit, or `warmup` leaves no step.
        """
        steps = inputs.shape[-2] if steps is None else steps
        self._check(inputs, state, lengths, steps, warmup)
        sequence = inputs.movedim(-2, 0)  # (time, batch, features): each step's rows lie together
        beyond: Tensor | None = None
        if self.projection is not None:
            sequence = affine(sequence, self.projection.weight, self.projection.bias)
            beyond = self.projection.bias.unsqueeze(-2)  # what zero projects to
        elif not (sequence.is_floating_point() or self.takes_indices):
            ones = self.initial_states[0].new_zeros(*sequence.shape[:-1], self.input_size)
            sequence = ones.scatter_add(-1, sequence, torch.ones_like(sequence, dtype=ones.dtype))
        final = []
        at_once = None if self.norms or (self.residual and len(self.cells) > 1) else readout
        for layer, cell in enumerate(self.cells):
            start = tuple(self.initial_states[layer].unsqueeze(-2).unbind(-3)) if state is None else state[layer]
            mask = self._recurrent_mask(inputs)
            last = layer == len(self.cells) - 1
            first = warmup if last else 0
            above, end = unroll(
                cast(Cell, cell),
                sequence,
                start,
                steps,
                lengths,
                mask,
                beyond=beyond,
                repeat_last=repeat_last,
                warmup=first,
                readout=at_once if last else None,
            )
            if not self.members:
                final.append(end)
            if self.norms:
                above = self._norm(above, layer)
            if not last:
                above = F.dropout(above, self.dropout, self.training)
            sequence = above + sequence[first:] if self.residual and layer > 0 else above
        if readout is not None and at_once is None:
            sequence = affine(sequence, *readout).to(sequence.dtype)
        result = sequence.movedim(0, -2)
        if lengths is not None:
            beyond = torch.arange(warmup, steps, device=inputs.device) >= lengths.unsqueeze(1)
            result = result.masked_fill(beyond.unsqueeze(-1), 0.0)
        return result, final

    @property
    def members(self) -> int:
        """Networks K whose weights are stacked here; 0 for the weights of one."""
        return len(self.initial_states[0]) if self.initial_states[0].dim() == 3 else 0

    def _norm(self, outputs: Tensor, layer: int) -> Tensor:
        norm = cast(nn.LayerNorm, self.norms[layer])
        if not self.members:
            return cast(Tensor, norm(outputs))
        even = F.layer_norm(outputs, norm.normalized_shape, eps=norm.eps)
        return even * norm.weight.unsqueeze(-2) + norm.bias.unsqueeze(-2)

    def _recurrent_mask(self, inputs: Tensor) -> Tensor | None:
        if not (self.training and self.recurrent_dropout):
            return None
        return F.dropout(self.initial_states[0].new_ones(inputs.shape[0], self.hidden_size), self.recurrent_dropout)

    def _check(
        self, inputs: Tensor, state: list[State] | None, lengths: Tensor | None, steps: int, warmup: int
    ) -> None:
        wanted = 4 if self.members else 3
        if inputs.dim() != wanted or (inputs.is_floating_point() and inputs.shape[-1] != self.input_size):
            shape = tuple(inputs.shape)
            needed = f"({'members, ' if self.members else ''}batch, time, {self.input_size})"
            raise ValueError(f"inputs: shape {shape} given, {needed} needed")
        if self.members and (lengths is not None or state is not None):
            raise ValueError(f"{'state' if lengths is None else 'lengths'}: given for stacked networks, none allowed")
        if not 1 <= inputs.shape[-2] <= steps:
            raise ValueError(f"steps: {steps} given for {inputs.shape[-2]} steps of input, at least as many needed")
        if not 0 <= warmup < steps:
            raise ValueError(f"warmup: {warmup} given, 0 to {steps - 1} allowed for {steps} steps")
        if state is not None and len(state) != len(self.cells):
            raise ValueError(f"state: {len(state)} layers given, {len(self.cells)} needed")
        if lengths is not None:
            if lengths.shape != inputs.shape[:1] or lengths.is_floating_point():
                given = f"{lengths.dtype} of shape {tuple(lengths.shape)}"
                raise ValueError(f"lengths: {given} given, integers of shape ({len(inputs)},) needed")
            if int(lengths.min()) < 1 or int(lengths.max()) > steps:
                raise ValueError(f"lengths: {int(lengths.min())} to {int(lengths.max())} given, 1 to {steps} allowed")
