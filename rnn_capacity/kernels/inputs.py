"""Container of the tensors that one layer of K networks reads: weights, initial state, input sequence and readout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnn_capacity.cells import State


class RecurrenceInputs(NamedTuple):
    """Weights, initial state, input sequence and readout of one layer of K networks, or the gradients of these.

    Example:
        >>> import torch
        >>> inputs = RecurrenceInputs(
        ...     weight_input=torch.zeros(5, 2, 3),  # K = 5 networks, an RNN of 2 units with 3 features
        ...     bias=torch.zeros(5, 2),
        ...     recurrent_weights=(torch.zeros(5, 2, 2),),
        ...     state=(torch.zeros(5, 2, 1),),
        ...     sequence=torch.ones(4, 1, 3, 7),  # 4 time steps of 7 samples, shared by the networks
        ... )
        >>> inputs.select(slice(0, 2)).weight_input.shape
        torch.Size([2, 2, 3])
    """

    weight_input: Tensor
    """Input weights W_x of all gates, (K, rows, input_size), where rows is gates · hidden_size."""

    bias: Tensor
    """Biases of all gates, (K, rows), to which the forget-gate bias b_fg has been added."""

    recurrent_weights: tuple[Tensor, ...]
    """Recurrent weights W_h, each (K, ...), in the order of `StepKernel.recurrent_weights`."""

    state: State
    """Initial state of the layer, each tensor (K, hidden_size, 1)."""

    sequence: Tensor
    """Input sequence, (time, K or 1, input_size, batch), or integers (time, K or 1, batch, k), the indices of k ones in
    a multi-hot input."""

    pad_input: Tensor | None = None
    """Constant input of the steps after the end of the sequence, (K, input_size, 1); None is zeros. Not read with
    `repeat_last`."""

    readout: tuple[Tensor, Tensor] | None = None
    """Weight, (K, output_size, hidden_size), and bias, (K, output_size), of a linear readout applied to the layer's
    outputs; None applies no readout."""

    def select(self, networks: slice) -> RecurrenceInputs:
        """Return views of all tensors for a slice of the K networks."""
        own = self.sequence.shape[1] == len(self.bias)
        return self._map(itemgetter(networks), self.sequence[:, networks] if own else self.sequence)

    def zeros_like(self, with_sequence: bool) -> RecurrenceInputs:
        """Allocate zero-filled gradients of all tensors, an empty one of the sequence unless `with_sequence`."""
        zeros = partial(torch.zeros_like, memory_format=torch.contiguous_format)
        return self._map(zeros, zeros(self.sequence) if with_sequence else self.sequence[:0])

    def _map(self, change: Callable[[Tensor], Tensor], sequence: Tensor) -> RecurrenceInputs:
        """Return a copy with a function applied to every tensor except the sequence, and with another sequence."""
        return RecurrenceInputs(
            change(self.weight_input),
            change(self.bias),
            tuple(map(change, self.recurrent_weights)),
            tuple(map(change, self.state)),
            sequence,
            None if self.pad_input is None else change(self.pad_input),
            None if self.readout is None else (change(self.readout[0]), change(self.readout[1])),
        )

    def flatten(self) -> tuple[Tensor | None, ...]:
        """Return all tensors in a flat tuple, the sequence last."""
        readout = self.readout or (None, None)
        return (
            self.weight_input,
            self.bias,
            *self.recurrent_weights,
            *self.state,
            self.pad_input,
            *readout,
            self.sequence,
        )

    @staticmethod
    def unflatten(tensors: tuple[Any, ...], states: int) -> RecurrenceInputs:
        """Rebuild a `RecurrenceInputs` from the flat tuple that `flatten` returned.

        Args:
            tensors: The tensors.
            states: Tensors of a state.
        """
        weight_input, bias, *others, pad_input, readout_weight, readout_bias, sequence = tensors
        readout = None if readout_weight is None else (readout_weight, readout_bias)
        weights, state = tuple(others[:-states]), tuple(others[-states:])
        return RecurrenceInputs(weight_input, bias, weights, state, sequence, pad_input, readout)
