"""Tasks whose samples are drawn afresh at every optimizer step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rnn_capacity.checks import check_finite, check_memory, check_minimum
from rnn_capacity.training.randomness import generator
from rnn_capacity.training.task import Batch, BatchSource, Split, Task

TRAINING, VALIDATION, TEST = range(3)
"""Numbers that, with the task's seed, seed the samples of each split; training adds the optimizer step."""


@dataclass(frozen=True)
class FreshTask(Task):
    """A task that draws new training samples at every step and has a fixed validation and a fixed test set.

    The three kinds of samples come from different random numbers.

    Example:
        >>> import torch
        >>> from rnn_capacity.tasks import Parentheses
        >>> task: FreshTask = Parentheses(batch_size=4)
        >>> inputs, targets = task.draw_samples(4, torch.Generator().manual_seed(0))
        >>> inputs.shape, targets.shape
        (torch.Size([4, 175, 10]), torch.Size([4, 10]))
    """

    batch_size: int = 64
    """Number of new random samples per optimizer step over all devices."""

    evaluation_samples: int = 4096
    """Number of samples in the validation set, and in the test set."""

    seed: int = 0
    """Seed of the samples; the network's weights have another seed."""

    samples = None

    evaluation_batch: ClassVar[int]
    """Number of samples in an evaluation batch."""

    draws_by_batch: ClassVar[bool] = False
    """Whether an evaluation set is drawn one batch at a time, to save memory, instead of all at once."""

    def __post_init__(self) -> None:
        check_finite(**vars(self))
        check_minimum(1, batch_size=self.batch_size, evaluation_samples=self.evaluation_samples)
        check_minimum(0, seed=self.seed)
        check_memory(batch_size=self.batch_size, evaluation_samples=self.evaluation_samples)

    @abstractmethod
    def draw_samples(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw random inputs and targets of the task on the CPU.

        Args:
            samples: Number of samples.
            random: Generator to draw from.

        Returns:
            Inputs and targets, (samples, ...) each, integers or float32.
        """

    def batch_source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> BatchSource:
        """Return a source that draws batches on the CPU and moves them to a device."""
        return FreshBatchSource(self, device, dtype, rank, world_size)


class FreshBatchSource(BatchSource):
    """Batch source that draws samples on the CPU, so that they are the same for every device, and moves them there.

    Args:
        task: The task.
        device: The device of the batches.
        dtype: Type of floating inputs and targets.
        rank: Index of this process; it gets every `world_size`-th sample of a batch.
        world_size: Number of processes.
    """

    def __init__(self, task: FreshTask, device: torch.device, dtype: torch.dtype, rank: int, world_size: int) -> None:
        self.task = task
        self.device = device
        self.dtype = dtype
        self.share = slice(rank, None, world_size)

    def batch(self, step: int) -> Batch:
        """Draw the training batch of an optimizer step."""
        size = self.task.batch_size
        return Batch(*self._draw_share(size, TRAINING, step), size)

    def evaluation_batches(self, split: Split) -> Iterator[Batch]:
        """Draw the batches of a validation or test set, the same at every call."""
        purpose = VALIDATION if split == "val" else TEST
        total, most = self.task.evaluation_samples, self.task.evaluation_batch
        parts: Iterable[tuple[Tensor, ...]]
        if self.task.draws_by_batch:
            starts = enumerate(range(0, total, most))
            parts = (self._draw_share(min(most, total - start), purpose, index) for index, start in starts)
        else:
            whole = self._draw_share(total, purpose)
            parts = zip(*(torch.split(values, most) for values in whole), strict=True)
        for inputs, targets in parts:
            yield Batch(inputs, targets, total)

    def _draw_share(self, samples: int, *purpose: int) -> tuple[Tensor, Tensor]:
        """Draw samples and move this process's share of them to the device."""
        inputs, targets = self.task.draw_samples(samples, generator(self.task.seed, *purpose))
        return self._to_device(inputs), self._to_device(targets)

    def _to_device(self, values: Tensor) -> Tensor:
        share = values[self.share]
        return share.to(self.device, self.dtype if share.is_floating_point() else share.dtype)
