"""Batches of a text for language modelling: windows at random positions, or contiguous streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rnn_capacity.training import Batch, BatchSource, Split, generator

if TYPE_CHECKING:
    from rnn_capacity.tasks.language.task import Language

POINTERS = 0
"""Number that, with the task's seed and the optimizer step, seeds the random window positions."""

EVALUATION_STREAMS = 128
"""Number of contiguous streams, read in parallel, into which a split is divided for evaluation."""

EVALUATION_STEPS = 100
"""Number of characters of each stream in an evaluation batch."""


class LanguageBatchSource(BatchSource):
    """Source of batches that keeps the text on one device, with one byte per character for up to 255 symbols.

    Args:
        task: The task.
        device: The device of the text.
        rank: Index of this process; it gets every `world_size`-th window or stream.
        world_size: Number of processes.
    """

    def __init__(self, task: Language, device: torch.device, rank: int, world_size: int) -> None:
        self.task = task
        self.share = slice(rank, None, world_size)
        self.text = task.text.indices.to(device)
        self.window = torch.arange(max(task.steps, EVALUATION_STEPS) + 1, device=device)
        length = task.samples - 1  # the last character is only a target
        self.stream_steps = length // (task.batch_size * task.steps)
        self.stream_starts = torch.arange(task.batch_size) * (length // task.batch_size)

    def batch(self, step: int) -> Batch:
        """Return the batch of an optimizer step: windows at random positions, or the next piece of every stream."""
        task = self.task
        if task.order == "pointers":
            last = task.samples - task.steps
            random = generator(task.seed, POINTERS, step)
            starts = torch.randint(last, (task.batch_size,), generator=random)
            return self._read(starts[self.share], task.steps, task.batch_size, True, task.warmup)
        piece = step % self.stream_steps
        starts = self.stream_starts + piece * task.steps
        return self._read(starts[self.share], task.steps, task.batch_size, starts_fresh=piece == 0)

    def evaluation_batches(self, split: Split) -> Iterator[Batch]:
        """Iterate over a split as parallel streams, with a last batch for the streams that are one character longer."""
        begin, end = self.task.text.part(split)
        streams = min(EVALUATION_STREAMS, end - begin)
        length, longer = divmod(end - begin, streams)
        index = torch.arange(streams)
        starts = (begin - 1 + index * length + index.clamp(max=longer))[self.share]
        for first in range(0, length, EVALUATION_STEPS):
            steps = min(EVALUATION_STEPS, length - first)
            yield self._read(starts + first, steps, len(starts), starts_fresh=first == 0)
        few = len(range(longer)[self.share])
        if few and len(starts):
            yield self._read(starts[:few] + length, 1, few, starts_fresh=False)

    def _read(self, starts: Tensor, steps: int, size: int, starts_fresh: bool, warmup: int = 0) -> Batch:
        """Read windows of `steps` characters, and as targets the next characters from step `warmup` on."""
        places = starts.to(self.text.device, non_blocking=True).unsqueeze(1) + self.window[: steps + 1]
        window = self.text[places].long()
        return Batch(window[:, :-1].unsqueeze(-1), window[:, warmup + 1 :], size, starts_fresh)
