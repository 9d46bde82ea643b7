"""Tasks whose samples are drawn afresh at every optimizer step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from rnn_capacity.training.randomness import generator
from rnn_capacity.training.task import Batch, Source, Split, Task

TRAINING, VALIDATION, TEST = range(3)
"""What `generator(seed, ...)` draws: TRAINING with the optimizer step."""


class FreshTask(Task):
    """A task with fresh samples at every optimizer step, a fixed validation set and a fixed test set.

    There is nothing to learn by heart. No two of the three kinds are drawn from the same random numbers.
    """

    samples = None

    evaluation_batch: ClassVar[int]
    """Samples evaluated at once."""

    draws_by_batch: ClassVar[bool] = False
    """Whether an evaluation set is drawn a batch at a time, where the whole would be large, or all at once."""

    if TYPE_CHECKING:  # fields of the tasks

        @property
        def batch_size(self) -> int:
            """Samples of an optimizer step, over all processes."""

        @property
        def evaluation_samples(self) -> int:
            """Samples of the validation set, and of the test set."""

    @abstractmethod
    def draw(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs and targets of so many samples, on the CPU, a row each; integers, or float32."""

    def source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> Source:
        """The samples on a device; floating ones in this type."""
        return FreshSamples(self, device, dtype, rank, world_size)


class FreshSamples(Source):
    """Samples drawn as they are asked for, for one of several processes; the evaluation sets again each time.

    They are drawn on the CPU, the same for every device, and then moved.

    Args:
        task: The task.
        device: Where the samples go.
        dtype: Of those that are not integers.
        rank: This process; it has every `world_size`-th sample of a batch.
        world_size: Processes.
    """

    def __init__(self, task: FreshTask, device: torch.device, dtype: torch.dtype, rank: int, world_size: int) -> None:
        self.task = task
        self.device = device
        self.dtype = dtype
        self.share = slice(rank, None, world_size)

    def batch(self, step: int) -> Batch:
        """Samples that no other step has but by chance."""
        size = self.task.batch_size
        return Batch(*self._mine(size, TRAINING, step), size)

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The split's own samples, the same at every call."""
        purpose = VALIDATION if split == "val" else TEST
        total, most = self.task.evaluation_samples, self.task.evaluation_batch
        parts: Iterable[tuple[Tensor, ...]]
        if self.task.draws_by_batch:
            starts = enumerate(range(0, total, most))
            parts = (self._mine(min(most, total - start), purpose, index) for index, start in starts)
        else:
            whole = self._mine(total, purpose)
            parts = zip(*(torch.split(values, most) for values in whole), strict=True)
        for inputs, targets in parts:
            yield Batch(inputs, targets, total)

    def _mine(self, samples: int, *purpose: int) -> tuple[Tensor, Tensor]:
        """This process's share of a draw, on the device."""
        inputs, targets = self.task.draw(samples, generator(self.task.seed, *purpose))
        return self._placed(inputs), self._placed(targets)

    def _placed(self, values: Tensor) -> Tensor:
        mine = values[self.share]
        return mine.to(self.device, self.dtype if mine.is_floating_point() else mine.dtype)
