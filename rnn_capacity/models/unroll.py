"""One cell unrolled over time."""

from __future__ import annotations

from functools import partial
from itertools import repeat
from typing import cast

import torch
from torch import Tensor

from rnn_capacity.cells import Cell, LSTMCell, Projected, State
from rnn_capacity.kernels.torch_lstm import is_torch_lstm, run_torch_lstm


def unroll(
    cell: Cell,
    inputs: Tensor,
    state: State,
    steps: int,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    pad_input: Tensor | None = None,
    repeat_last: bool = False,
    warmup: int = 0,
) -> tuple[Tensor, State]:
    """Run one cell over all time steps of a batch of sequences.

    The input's part of every step is computed before the loop, in one product; that of the pad input, which is the
    same at all steps, once. Under autocast the matrix products are of its type; the state, and all that is computed
    element by element, stays in the type that it starts in.

    Args:
        cell: The cell.
        inputs: (time, batch, input_size), or indices (time, batch, k); time is at most `steps`.
        state: The state before the first step, tensors (batch or 1, hidden_size).
        steps: Steps T to run.
        lengths: (batch,), or None. From step `lengths[i]` on, sample i keeps its state; its outputs there mean nothing.
        mask: Mask of recurrent dropout, (batch, hidden_size), or None.
        pad_input: Input of all steps after `inputs`, (1, input_size); None is zero.
        repeat_last: Repeat the last of `inputs` at the steps after them instead.
        warmup: First steps whose outputs are not returned.

    Returns:
        The outputs, (T - warmup, batch, hidden_size), and the state after each sample's last step.

    Example:
        >>> import torch
        >>> from rnn_capacity.cells import GRUCell
        >>> outputs, (hidden,) = unroll(GRUCell(3, 4), torch.randn(5, 2, 3), (torch.zeros(1, 4),), steps=6)
        >>> outputs.shape, bool((outputs[-1] == hidden).all())
        (torch.Size([6, 2, 4]), True)
    """
    dtype = state[0].dtype
    if lengths is None and mask is None and len(inputs) == steps and is_torch_lstm(cell, dtype):
        outputs, end = run_torch_lstm(cast(LSTMCell, cell), inputs, state)
        return outputs[warmup:], end

    def project(part: Tensor) -> Projected:  # under autocast products have low precision, the state keeps its own
        return tuple(values.to(dtype) for values in cell.project(part))

    projected_inputs = project(inputs[:steps])
    times = len(projected_inputs[0])
    projections = list(zip(*(values.unbind(0) for values in projected_inputs), strict=True))
    if times < steps and not repeat_last:
        padding = project(state[0].new_zeros(1, cell.input_size) if pad_input is None else pad_input)
    else:
        padding = projections[-1]
    projections += repeat(padding, steps - times)
    step = cell.step if mask is None else partial(cell.step, mask=mask)
    read = []
    for time, projected in enumerate(projections):
        output, new_state = step(projected, state)
        if lengths is not None:
            running = (lengths > time).unsqueeze(-1)
            new_state = tuple(torch.where(running, new, old) for new, old in zip(new_state, state, strict=True))
        state = new_state
        if time >= warmup:
            read.append(output)
    return torch.stack(read), state
