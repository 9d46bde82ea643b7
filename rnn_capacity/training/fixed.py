"""Tasks whose samples are drawn once and memorised: training, validation and test set are the same."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from rnn_capacity.training.task import Batch, BatchSource, Split, Task

LossKind = Literal["binary", "classes", "squared"]
"""Loss of a task with fixed samples: cross-entropy of one logit (binary), of several (classes), or squared error."""

EVALUATION_BATCH = 8192
"""Number of samples in an evaluation batch."""


@dataclass(frozen=True)
class FixedTask(Task):
    """A task with a fixed set of samples, each a single input vector, that the network memorises.

    The whole training of such a task can run in the compiled kernel, which needs its data and the kind of its loss.

    Example:
        >>> from rnn_capacity.tasks import RandomMapping
        >>> task: FixedTask = RandomMapping(samples=8, input_size=4, steps=3)
        >>> task.loss_kind, task.scored_from, [inputs.shape for inputs, _ in task.sample_blocks()]
        ('binary', 2, [torch.Size([8, 4])])
    """

    final_splits: ClassVar[tuple[Split, ...]] = ("test",)

    @property
    @abstractmethod
    def loss_kind(self) -> LossKind | None:
        """Loss at a scored time step: cross-entropy of one logit (binary), of several (classes), or squared error.

        The compiled kernel computes this loss itself, in place of `loss_per_sample`. None is any other loss, which
        torch trains; so is that of a subclass that overrides `loss_per_sample` or `predict` but not `loss_kind`.
        """

    @abstractmethod
    def sample_blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all samples, drawn on the CPU, in blocks of inputs, (block, input_size), and targets, (block,)."""

    def sample_weights(self) -> Tensor | None:
        """Return each sample's weight in the mean loss over all samples, (samples,), float64; None if all are equal."""
        return None

    @abstractmethod
    def minibatch(self, step: int) -> Tensor | None:
        """Return the indices of the samples of an optimizer step, (batch,), int64; None selects all samples.

        Args:
            step: Optimizer step, from 0.
        """

    @property
    def weighs_minibatches(self) -> bool:
        """Whether a minibatch's loss uses the sample weights; False if samples are drawn in proportion to them."""
        return True

    def batch_source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> BatchSource:
        """Return a source of batches that keeps all samples on a device."""
        return FixedBatchSource(self, device, dtype, rank, world_size)


class FixedBatchSource(BatchSource):
    """Batch source that keeps all samples of a task on one device, since a minibatch may need any of them.

    Args:
        task: The task.
        device: The device of the data.
        dtype: Type of inputs and weights, and of targets other than classes.
        rank: Index of this process; it gets every `world_size`-th sample of a batch.
        world_size: Number of processes.
    """

    def __init__(self, task: FixedTask, device: torch.device, dtype: torch.dtype, rank: int, world_size: int) -> None:
        samples = task.samples
        if samples is None:
            raise ValueError("samples must be given for the task's data, got None")
        self.task = task
        self.share = slice(rank, None, world_size)
        self.inputs = torch.empty(samples, 1, task.input_size, device=device, dtype=dtype)
        target_type = torch.int64 if task.loss_kind == "classes" else dtype
        self.targets = torch.empty(samples, device=device, dtype=target_type)
        start = 0
        for inputs, targets in task.sample_blocks():
            part = slice(start, start + len(inputs))
            self.inputs[part, 0] = inputs.to(device, dtype)
            self.targets[part] = targets.to(device, target_type)
            start = part.stop
        weights = task.sample_weights()
        self.weights = None if weights is None else weights.to(device, dtype)
        self.whole = self._select(self.share, samples, weighted=True)

    def batch(self, step: int) -> Batch:
        """Return the batch of an optimizer step: a minibatch, or all samples."""
        chosen = self.task.minibatch(step)
        if chosen is None:
            return self.whole
        share = chosen[self.share].to(self.inputs.device)
        return self._select(share, len(chosen), weighted=self.task.weighs_minibatches)

    def evaluation_batches(self, split: Split) -> Iterator[Batch]:
        """Iterate over this process's share of all samples in batches; every split is the same."""
        for first in range(0, len(self.whole.inputs), EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            weights = None if self.whole.weights is None else self.whole.weights[part]
            yield Batch(self.whole.inputs[part], self.whole.targets[part], self.whole.size, weights=weights)

    def _select(self, chosen: slice | Tensor, size: int, *, weighted: bool) -> Batch:
        weights = self.weights[chosen].contiguous() if weighted and self.weights is not None else None
        return Batch(self.inputs[chosen].contiguous(), self.targets[chosen].contiguous(), size, weights=weights)
