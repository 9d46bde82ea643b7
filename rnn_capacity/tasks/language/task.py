"""Language modelling by characters (Collins et al. 2017, sec. 3.3, App. B): what the task is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import BitsPerCharacter
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks.language.corpus import Corpus
from rnn_capacity.training import Batch, Source, Split, Task, at_least, generator

Order = Literal["pointers", "streams"]

POINTERS = 0
"""What `generator(seed, POINTERS, step)` draws."""

EVALUATION_STREAMS = 128
"""Streams that a split is read in."""

EVALUATION_STEPS = 100
"""Characters of each stream in an evaluation batch."""


@dataclass(frozen=True)
class Language(Task):
    """Predict the next character of a text.

    Training reads windows at random pointers, each from the learned initial state, whose first steps only warm the
    state up (the paper's way); or contiguous streams whose state is carried from batch to batch and back-propagated
    within one (truncated back-propagation through time). Evaluation reads a whole split in contiguous streams with
    carried state, and predicts each of its characters exactly once, a stream's first from the character before it.

    Raises:
        ValueError: If a field is out of range, or a part of the text is too short.
    """

    name = "language"
    headline = "bits_per_character"

    corpus: Corpus
    """The text."""

    steps: int = 50
    """Steps T of a training window."""

    warmup: int = 13
    """First steps of a window that are not scored; streams score every step."""

    batch_size: int = 64
    """Windows, or streams, of an optimizer step over all processes."""

    order: Order = "pointers"
    """Random pointers, or contiguous streams."""

    seed: int = 0
    """Of the pointers."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, batch_size=self.batch_size)
        at_least(0, seed=self.seed)
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"warmup: {self.warmup} given, 0 to steps - 1 = {self.steps - 1} allowed")
        if not self.corpus.unigram_entropy > 0:
            raise ValueError("corpus: a training part of one symbol alone given, at least two needed")
        length = len(self.corpus.train)
        needed = self.steps if self.order == "pointers" else self.steps * self.batch_size
        if length <= needed:
            raise ValueError(
                f"steps: {self.steps} given with batch_size {self.batch_size}, "
                f"a training part of {length} characters has room for fewer ({needed + 1} needed for {self.order})"
            )

    @property
    def input_size(self) -> int:
        """One input a symbol."""
        return len(self.corpus.alphabet)

    output_size = input_size  # one logit a symbol

    @property
    def samples(self) -> int:
        """Characters of the training part."""
        return len(self.corpus.train)

    @property
    def alphabet(self) -> str:
        """The text's symbols."""
        return self.corpus.alphabet

    @property
    def carries_state(self) -> bool:
        """Streams do."""
        return self.order == "streams"

    @property
    def constant_loss(self) -> float:
        """Entropy of the training part's letter frequencies, in nats."""
        return self.corpus.unigram_entropy

    def source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> Source:
        """The text on a device."""
        return LanguageSource(self, device, rank, world_size)

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Logits of the next character after each scored step, (batch, steps scored, symbols), and the last state."""
        if state is not None and len(batch.inputs) < len(state[0][0]):  # the few streams that are one longer
            state = [tuple(part[: len(batch.inputs)] for part in layer) for layer in state]
        logits, state = network(batch.inputs, state, warmup=batch.inputs.shape[-2] - batch.targets.shape[-1])
        return logits, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats per character, the mean over the scored steps: (batch,)."""
        losses = F.cross_entropy(predictions.transpose(1, 2), batch.targets, reduction="none")
        return losses.mean(1)

    def metric(self, network: RecurrentNetwork) -> Metric:
        """Bits per character."""
        return BitsPerCharacter(self.corpus.entropy_rate)

    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add every scored character."""
        metric.update(predictions, batch.targets)

    def worthless(self) -> dict[str, float]:
        """The letter frequencies' bits per character."""
        bits = self.constant_loss / math.log(2)
        rate = self.corpus.entropy_rate
        known = {} if rate is None else {"entropy_rate": rate, "excess_bits_per_character": bits - rate}
        return {"bits_per_character": bits, **known}


class LanguageSource(Source):
    """A text on one device, for one of several processes.

    Args:
        task: The task.
        device: Where the text lies, one byte a character for up to 256 symbols.
        rank: This process; it has every `world_size`-th window or stream.
        world_size: Processes.
    """

    def __init__(self, task: Language, device: torch.device, rank: int, world_size: int) -> None:
        self.task = task
        self.share = slice(rank, None, world_size)
        self.text = task.corpus.indices.to(device)
        self.window = torch.arange(task.steps + 1, device=device)
        length = len(task.corpus.train) - 1  # the last character is only a target
        self.stream_steps = length // (task.batch_size * task.steps)
        self.stream_starts = torch.arange(task.batch_size) * (length // task.batch_size)

    def batch(self, step: int) -> Batch:
        """Windows at the pointers of `step`, or the next piece of every stream."""
        task = self.task
        if task.order == "pointers":
            last = len(task.corpus.train) - task.steps
            random = generator(task.seed, POINTERS, step)
            starts = torch.randint(last, (task.batch_size,), generator=random)
            return self._read(starts, task.warmup, fresh=True)
        piece = step % self.stream_steps
        return self._read(self.stream_starts + piece * task.steps, 0, fresh=piece == 0)

    def _read(self, starts: Tensor, warmup: int, fresh: bool) -> Batch:
        """Windows of T + 1 characters at the starts of this process."""
        mine = starts[self.share].to(self.text.device, non_blocking=True)
        window = self.text[mine.unsqueeze(1) + self.window].long()
        return Batch(window[:, :-1].unsqueeze(-1), window[:, warmup + 1 :], self.task.batch_size, fresh)

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The whole split: streams side by side, then the last character of those that are one longer."""
        begin, end = self.task.corpus.part(split)
        streams = min(EVALUATION_STREAMS, end - begin)
        length, longer = divmod(end - begin, streams)
        place = torch.arange(streams)
        starts = (begin - 1 + place * length + place.clamp(max=longer))[self.share].to(self.text.device)
        mine = len(starts)
        for first in range(0, length, EVALUATION_STEPS):
            steps = min(EVALUATION_STEPS, length - first)
            yield self._piece(starts, first, steps, first == 0)
        few = len(range(longer)[self.share])
        if few and mine:
            yield self._piece(starts[:few], length, 1, fresh=False)

    def _piece(self, starts: Tensor, first: int, steps: int, fresh: bool) -> Batch:
        window = self.text[starts.unsqueeze(1) + first + self.window.new_tensor(range(steps + 1))].long()
        return Batch(window[:, :-1].unsqueeze(-1), window[:, 1:], len(starts), fresh)
