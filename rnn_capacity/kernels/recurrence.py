"""One layer of K networks run over all time steps as a single autograd operation."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from rnn_capacity.kernels.inputs import RecurrenceInputs
from rnn_capacity.kernels.loop import TimeLoop
from rnn_capacity.kernels.native.recurrence import library_for, run_native_recurrence
from rnn_capacity.kernels.step import StepKernel

TILE_BYTES = 7 * 2**17
"""Bytes of gates per time step and thread above which the K networks are split into tiles that run one after another,
so that the tensors written by one step are still in the cache at the next."""


def run_recurrence(
    kernel: StepKernel, inputs: RecurrenceInputs, *, steps: int, warmup: int = 0, repeat_last: bool = False
) -> Tensor:
    """Run one layer of K networks over all time steps as a single autograd operation.

    Autograd would record every operation of every step, and each result would go through memory; here it records one
    operation. The readout is part of it, so that outputs are read while they are in the cache.

    Args:
        kernel: The kernel of the networks' cell.
        inputs: Weights, initial state, input sequence and readout of the networks.
        steps: Steps T to run, at least those of the sequence. After the sequence the input is `inputs.pad_input`.
        warmup: First steps whose outputs are not returned.
        repeat_last: Repeat the sequence's last input at the steps after it instead.

    Returns:
        The outputs, (T - warmup, K, hidden_size, batch), or (T - warmup, K, output_size, batch) with a readout.

    Example:
        >>> import torch
        >>> from rnn_capacity.cells import RNNCell
        >>> from rnn_capacity.kernels import RecurrenceInputs, step_kernel
        >>> cells = [RNNCell(input_size=3, hidden_size=2) for _ in range(5)]
        >>> inputs = RecurrenceInputs(
        ...     weight_input=torch.stack([cell.weight_input for cell in cells]),
        ...     bias=torch.stack([cell.bias for cell in cells]),
        ...     recurrent_weights=(torch.stack([cell.weight_recurrent for cell in cells]),),
        ...     state=(torch.zeros(5, 2, 1),),
        ...     sequence=torch.randn(4, 1, 3, 7),
        ... )
        >>> run_recurrence(step_kernel(cells[0]), inputs, steps=6, warmup=1).shape
        torch.Size([5, 5, 2, 7])
    """
    library = library_for(kernel, inputs)
    if library is not None:
        return run_native_recurrence(
            library,
            kernel,
            inputs,
            steps=steps,
            warmup=warmup,
            repeat_last=repeat_last and len(inputs.sequence) < steps,
        )
    loop = TimeLoop(kernel, steps, warmup, repeat_last)
    return cast(Tensor, RecurrenceFunction.apply(loop, len(inputs.state), *inputs.flatten()))  # type: ignore[no-untyped-call]  # torch types it so


class RecurrenceFunction(torch.autograd.Function):
    """Autograd function of `run_recurrence`."""

    @staticmethod
    def forward(ctx: Any, loop: TimeLoop, states: int, *tensors: Tensor | None) -> Tensor:
        """Run all time steps of the layer, for one slice of the K networks after another."""
        inputs = RecurrenceInputs.unflatten(tensors, states)
        features = loop.kernel.hidden_size if inputs.readout is None else inputs.readout[0].shape[1]
        batch = batch_size(inputs.sequence)
        outputs = inputs.bias.new_empty(loop.steps - loop.warmup, len(inputs.bias), features, batch)
        saved = [tensor for tile in tiles(inputs) for tensor in loop.forward(inputs.select(tile), outputs[:, tile])]
        ctx.loop, ctx.states, ctx.count = loop, states, len(tensors)
        ctx.save_for_backward(*tensors, *saved)
        return outputs

    @staticmethod
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of all tensors of `RecurrenceInputs`."""
        loop, tensors = ctx.loop, ctx.saved_tensors
        inputs, saved = RecurrenceInputs.unflatten(tensors[: ctx.count], ctx.states), tensors[ctx.count :]
        with_sequence = ctx.needs_input_grad[-1]
        gradients = inputs.zeros_like(with_sequence)
        grad_outputs = grad_outputs.contiguous()
        all_tiles = tiles(inputs)
        saved_by_tile = len(saved) // len(all_tiles)
        networks, rows, columns = inputs.weight_input[all_tiles[0]].shape
        sizes = (loop.kernel.hidden_size, rows, *([columns] if loop.kernel.reads_input else []))
        batch = batch_size(inputs.sequence)
        workspace = tuple(inputs.bias.new_empty(networks, size, batch) for size in sizes)
        for place, tile in reversed(list(enumerate(all_tiles))):  # the tile written last may still be in the cache
            tile_saved = saved[place * saved_by_tile : (place + 1) * saved_by_tile]
            loop.backward(inputs.select(tile), gradients.select(tile), tile_saved, grad_outputs[:, tile], workspace)
        *others, grad_sequence = gradients.flatten()
        return (None, None, *others, grad_sequence if with_sequence else None)


def batch_size(sequence: Tensor) -> int:
    """Return the batch size of an input sequence, the number of samples that each network reads."""
    return sequence.shape[-1 if sequence.is_floating_point() else -2]


def tiles(inputs: RecurrenceInputs) -> list[slice]:
    """Split the K networks into slices that run one after another: cache-sized ones on a CPU, a single one on a GPU."""
    networks, rows, _ = inputs.weight_input.shape
    most = networks
    if inputs.bias.device.type == "cpu":
        gate_bytes = batch_size(inputs.sequence) * rows * inputs.bias.element_size()
        most = torch.get_num_threads() * max(1, TILE_BYTES // gate_bytes)  # TILE_BYTES for each thread
    return [slice(first, min(first + most, networks)) for first in range(0, networks, most)]
