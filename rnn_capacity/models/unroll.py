"""One cell through time."""

from __future__ import annotations

from functools import partial
from itertools import repeat

import torch
from torch import Tensor

from rnn_capacity.cells import Cell, Projected, State, affine
from rnn_capacity.cells.affine import Affine
from rnn_capacity.models.recurrence import recurrence


def unroll(
    cell: Cell,
    inputs: Tensor,
    state: State,
    steps: int,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    beyond: Tensor | None = None,
    repeat_last: bool = False,
    warmup: int = 0,
    readout: Affine | None = None,
) -> tuple[Tensor, State]:
    """Run one cell for `steps` time steps.

    The input's part of every step is computed before the loop, in one product; that of the input beyond the given
    ones, which is the same at all steps, once. Under autocast the matrix products are of its type; the state, and all
    that is computed element by element, stays in the type that it starts in.

    Args:
        cell: The cell.
        inputs: (time, batch, input_size), or indices (time, batch, k); time is at most `steps`. With the stacked
            weights of K networks, K goes before every batch, here and below.
        state: The state before the first step, tensors (batch or 1, hidden_size).
        steps: Steps T to run.
        lengths: (batch,), or None. From step `lengths[i]` on, sample i keeps its state; its outputs there mean nothing.
        mask: Recurrent dropout's mask, (batch, hidden_size), or None.
        beyond: Input of all steps after the given ones, (1, input_size); None is zero.
        repeat_last: Show the last input at all steps after the given ones instead.
        warmup: First steps whose outputs are not returned.
        readout: The matrix, (output_size, hidden_size), and the bias, (output_size,), that the outputs go through.

    Returns:
        The outputs, (T - warmup, batch, output_size), or hidden_size without a readout, and the state after each
        sample's last step, empty for K networks.
    """
    dtype = state[0].dtype

    def project(part: Tensor) -> Projected:  # autocast leaves a product in its own dtype, and the state in its
        return tuple(values.to(dtype) for values in cell.project(part))

    stacked = state[0].dim() == 3
    if cell.has_gradient and stacked and lengths is None and mask is None:
        return recurrence(cell, inputs[:steps], state, steps, warmup, beyond, repeat_last, readout), ()
    given = project(inputs[:steps])
    times = len(given[0])
    after: Projected | None = None
    if times < steps and not repeat_last:
        if beyond is None:
            beyond = state[0].new_zeros(*[1] * (state[0].dim() - 1), cell.input_size)
        after = project(beyond)
    projections = list(zip(*(values.unbind(0) for values in given), strict=True))
    projections += repeat(after or projections[-1], steps - times)
    step = cell.step if mask is None else partial(cell.step, mask=mask)
    outputs = []
    for time, projected in enumerate(projections):
        output, new = step(projected, state)
        if lengths is not None:
            running = (lengths > time).unsqueeze(-1)
            new = tuple(torch.where(running, after, before) for after, before in zip(new, state, strict=True))
        state = new
        if time >= warmup:
            outputs.append(output)
    # with several networks the batch is innermost in memory, and stays there
    result = torch.stack([output.mT for output in outputs]).mT if stacked else torch.stack(outputs)
    return result if readout is None else affine(result, *readout).to(dtype), () if stacked else state
