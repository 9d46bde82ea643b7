"""Records an optimizer step of a GPU and repeats it as one operation (a CUDA graph)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnn_capacity.training import Batch

Update = Callable[[Batch, Tensor, Tensor, Tensor | None], Tensor]
"""Makes an optimizer step from a batch, its weights, the factors of the update and the loss exponents, and returns the
losses."""

RECORD_AFTER = 100
"""Steps with the same batch after which the step is recorded, since recording costs as much as some ten steps."""


class StepRecorder:
    """Makes optimizer steps, and records the step on the GPU once many have used the same batch.

    Python needs several milliseconds to start a step's operations one by one, often longer than the GPU takes to run
    them. A recorded step starts them all at once. A step with another batch is made as usual.

    Args:
        update: Makes a step; it changes tensors in place and does not wait for the device.
    """

    def __init__(self, update: Update) -> None:
        self.update = update
        self.batch: Batch | None = None
        self.steps = 0
        self.graph: Any = None

    def __call__(self, batch: Batch, weights: Tensor, factors: Tensor, exponents: Tensor | None) -> Tensor:
        """Make an optimizer step, recorded or not, and return the losses of the networks before it, (K,).

        Args:
            batch: The samples; a step with the same object as before can be a recorded one.
            weights: Weight of each sample in the mean loss, (K, batch).
            factors: Factors of the optimizer's update, (factors, K, 1).
            exponents: Exponents of the generalized cross-entropy, (K,), or None.
        """
        if batch is not self.batch:
            self.batch, self.steps, self.graph = batch, 0, None
        self.steps += 1
        if self.steps <= RECORD_AFTER:
            return self.update(batch, weights, factors, exponents)
        if self.graph is None:
            self._record(batch, weights, factors, exponents)
        self.factors.copy_(factors)
        if self.exponents is not None and exponents is not None:
            self.exponents.copy_(exponents)
        self.graph.replay()
        return self.losses.clone()

    def _record(self, batch: Batch, weights: Tensor, factors: Tensor, exponents: Tensor | None) -> None:
        """Record a step without making it; it reads the factors and exponents from tensors of its own."""
        self.factors = factors.clone()
        self.exponents = None if exponents is None else exponents.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.losses = self.update(batch, weights, self.factors, self.exponents)
        self.graph = graph  # set last: a capture that runs out of memory leaves no graph
