"""One layer of K networks run over all time steps by the compiled C++ kernel."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnn_capacity.kernels.gru import GRUKernel
from rnn_capacity.kernels.inputs import RecurrenceInputs
from rnn_capacity.kernels.intersection import IntersectionRNNKernel
from rnn_capacity.kernels.lstm import LSTMKernel
from rnn_capacity.kernels.native.library import Library, native_library
from rnn_capacity.kernels.native.structures import LayerPlaces, Recurrence, address
from rnn_capacity.kernels.rnn import RNNKernel
from rnn_capacity.kernels.step import StepKernel
from rnn_capacity.kernels.ugrnn import UGRNNKernel

MAX_UNITS = 48
"""Largest hidden_size that the compiled kernel is used for; above it torch's matrix products are faster
(`tools/bench_recurrence.py`)."""

NATIVE_CELLS: dict[type[StepKernel], int] = {
    RNNKernel: 0,
    UGRNNKernel: 1,
    GRUKernel: 2,
    LSTMKernel: 3,
    IntersectionRNNKernel: 4,
}
"""Integer that stands for each cell in the C interface, by the exact class of the cell's hand-written step."""

NATIVE_ACTIVATIONS = {"tanh": 1, "relu": 2}
"""Integer that stands for each activation in the C interface."""

ZERO, REPEAT, CONSTANT = range(3)
"""Integers that tell the compiled kernel what a layer reads after the end of the input sequence: zeros, the last input
again, or a constant input."""


def library_for(kernel: StepKernel, inputs: RecurrenceInputs) -> Library | None:
    """Return the compiled kernel if it supports a layer and is faster than torch for it, else None.

    Args:
        kernel: The step kernel of the networks' cell.
        inputs: The tensors of the recurrence.
    """
    tensor, pad = inputs.weight_input, inputs.pad_input
    if type(kernel) not in NATIVE_CELLS or kernel.hidden_size > MAX_UNITS or tensor.device.type != "cpu":
        return None
    if tensor.dtype not in (torch.float32, torch.float64) or torch.is_autocast_enabled("cpu"):
        return None
    if pad is not None and pad.shape[1] != kernel.hidden_size:
        return None
    return native_library()


def run_native_recurrence(
    library: Library,
    kernel: StepKernel,
    inputs: RecurrenceInputs,
    *,
    steps: int,
    warmup: int,
    repeat_last: bool,
) -> Tensor:
    """Run one layer of K networks over time by the compiled kernel, with autograd.

    The gradient runs the layer forward again, tile by tile, which is faster than writing its activations to memory.

    Args:
        library: The compiled kernel.
        kernel: The step kernel of the networks' cell.
        inputs: Weights, initial state, input sequence and readout of the networks.
        steps: Steps T to run.
        warmup: First steps whose outputs are not returned.
        repeat_last: Repeat the sequence's last input at the steps after it.

    Returns:
        The outputs, (T - warmup, K, features, batch).

    Raises:
        ValueError: If an index of a one is not in [0, input_size).
    """
    times = len(inputs.sequence)
    pads = inputs.pad_input is not None and times < steps and not repeat_last
    parts = [inputs.weight_input, inputs.bias, *inputs.recurrent_weights, *inputs.state]
    parts += [cast(Tensor, inputs.pad_input)] if pads else []
    parts += list(inputs.readout or ())
    places = [0]
    for part in parts:
        places.append(places[-1] + part[0].numel())
    weights = len(inputs.recurrent_weights)
    recurrence = Recurrence(
        layer=LayerPlaces(
            inputs=inputs.weight_input.shape[2],
            input=0,
            bias=places[1],
            weight=places[2],
            candidate=places[3] if weights == 2 else -1,
            state=places[2 + weights],
        ),
        cell=NATIVE_CELLS[type(kernel)],
        activation=NATIVE_ACTIVATIONS[kernel.nonlinearity],
        units=kernel.hidden_size,
        outputs=kernel.hidden_size if inputs.readout is None else inputs.readout[0].shape[1],
        steps=steps,
        times=times,
        warmup=warmup,
        after=REPEAT if repeat_last else CONSTANT if pads else ZERO,
        readout_weight=-1 if inputs.readout is None else places[-3],
        readout_bias=-1 if inputs.readout is None else places[-2],
        constant=places[2 + weights + len(inputs.state)] if pads else -1,
        parameters=places[-1],
        networks=len(inputs.bias),
    )
    values = torch.cat([part.flatten(1) for part in parts], 1)
    sequence = kernel_sequence(inputs.sequence, values.dtype, recurrence.layer.inputs)
    return cast(Tensor, NativeRecurrenceFunction.apply(library, recurrence, values, sequence))  # type: ignore[no-untyped-call]  # torch types it so


def kernel_sequence(sequence: Tensor, dtype: torch.dtype, input_size: int) -> Tensor:
    """Convert an input sequence to the types that the compiled kernel reads: the weights', or int64 for indices.

    Args:
        sequence: The sequence of a `RecurrenceInputs`.
        dtype: Type of the weights.
        input_size: Number of input features.

    Raises:
        ValueError: If an index of a one is not in [0, input_size).
    """
    if sequence.is_floating_point():
        return sequence.to(dtype).contiguous()
    if sequence.numel():
        least, greatest = (int(bound) for bound in sequence.aminmax())
        if least < 0 or greatest >= input_size:
            wrong = least if least < 0 else greatest
            raise ValueError(f"inputs must be indices in [0, {input_size - 1}], got {wrong}")
    return sequence.long().contiguous()


class NativeRecurrenceFunction(torch.autograd.Function):
    """Autograd function of `run_native_recurrence`."""

    @staticmethod
    def forward(ctx: Any, library: Library, recurrence: Recurrence, values: Tensor, sequence: Tensor) -> Tensor:
        """Run all time steps of the layer for all K networks."""
        dense = sequence.is_floating_point()
        recurrence.batch = sequence.shape[-1 if dense else -2]
        recurrence.shared = int(sequence.shape[1] == 1)
        if dense:
            recurrence.sequence = address(sequence)
        else:
            recurrence.indices, recurrence.ones = address(sequence), sequence.shape[-1]
        recurrence.values = address(values)
        results = values.new_empty(
            recurrence.steps - recurrence.warmup, len(values), recurrence.outputs, recurrence.batch
        )
        recurrence.results = address(results)
        library.run_recurrence(values.dtype, recurrence, backward=False)
        ctx.library, ctx.recurrence = library, recurrence
        ctx.save_for_backward(values, sequence)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_results: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of the parameters and, where autograd needs it, of the input sequence."""
        values, sequence = ctx.saved_tensors
        recurrence, grad_results = ctx.recurrence, grad_results.contiguous()
        grad_values = torch.empty_like(values)
        grad_sequence = None
        if ctx.needs_input_grad[-1]:
            grad_sequence = values.new_empty(len(sequence), len(values), *sequence.shape[2:])
        recurrence.grad_results, recurrence.grad_values = address(grad_results), address(grad_values)
        recurrence.grad_sequence = address(grad_sequence)
        ctx.library.run_recurrence(values.dtype, recurrence, backward=True)
        if grad_sequence is not None and recurrence.shared:
            grad_sequence = grad_sequence.sum(1, keepdim=True)
        return None, None, grad_values, grad_sequence
