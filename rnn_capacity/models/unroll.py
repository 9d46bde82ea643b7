"""One cell through time."""

from __future__ import annotations

from functools import partial
from itertools import repeat

import torch
from torch import Tensor

from rnn_capacity.cells import Cell, Projected, State


def unroll(
    cell: Cell,
    inputs: Tensor,
    state: State,
    steps: int,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
) -> tuple[list[Tensor], State]:
    """Run one cell for `steps` time steps.

    The input's part of every step is computed before the loop, in one product. An input that is expanded over time
    (stride 0, the same at every step) is projected once. Beyond the last input the input is zero, and its
    projection is computed once, for one row. Under autocast the matrix products are of its type; the state, and all
    that is computed element by element, stays in the type that it starts in.

    Args:
        cell: The cell.
        inputs: (time, batch, input_size), or indices (time, batch, k); time is at most `steps`. With the stacked
            weights of K networks, K goes before every batch, here and below.
        state: The state before the first step, tensors (batch or 1, hidden_size).
        steps: Steps T to run.
        lengths: (batch,), or None. From step `lengths[i]` on, sample i keeps its state; its outputs there mean nothing.
        mask: Recurrent dropout's mask, (batch, hidden_size), or None.

    Returns:
        The outputs, T tensors of shape (batch, hidden_size), and the state after each sample's last step.
    """
    dtype = state[0].dtype

    def project(part: Tensor) -> Projected:  # autocast leaves a product in its own dtype, and the state in its
        return tuple(values.to(dtype) for values in cell.project(part))

    given = min(inputs.shape[0], steps)
    if given > 1 and inputs.stride(0) == 0:
        projections = list(repeat(project(inputs[0]), given))
    else:
        projections = list(zip(*(values.unbind(0) for values in project(inputs[:given])), strict=True))
    if given < steps:
        projections += repeat(project(state[0].new_zeros(*[1] * (state[0].dim() - 1), cell.input_size)), steps - given)
    step = cell.step if mask is None else partial(cell.step, mask=mask)
    outputs = []
    for time, projected in enumerate(projections):
        output, new = step(projected, state)
        if lengths is not None:
            running = (lengths > time).unsqueeze(-1)
            new = tuple(torch.where(running, after, before) for after, before in zip(new, state, strict=True))
        state = new
        outputs.append(output)
    return outputs, state
