"""Texts for the tests of the language task."""

from __future__ import annotations

from typing import Any

import torch

from rnn_capacity.tasks.language import Corpus, Language
from rnn_capacity.tasks.language.batches import LanguageBatchSource


def numbered(train: int, validation: int = 5, test: int = 5) -> Corpus:
    """A text in which no symbol occurs twice: the index of each is its position."""
    length = train + validation + test
    alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + length)))
    return Corpus(torch.arange(length, dtype=torch.int32), alphabet, (train, train + validation, length))


def letters(length: int, symbols: int = 5, seed: int = 3, validation: float = 0.1, test: float = 0.1) -> Corpus:
    """A text of independent letters, some more frequent than others."""
    random = torch.Generator().manual_seed(seed)
    indices = torch.multinomial(torch.arange(1.0, symbols + 1), length, replacement=True, generator=random)
    first, second = length - round(length * (validation + test)), length - round(length * test)
    return Corpus(indices.to(torch.uint8), "abcdefghij"[:symbols], (first, second, length))


def language(text: Corpus, **options: Any) -> Language:
    """A task that reads a text of the test in place of a file."""
    task = Language(path="a text of the test", **options)
    vars(task)["text"] = text  # where the cached property keeps its value
    return task.for_network(1)


def source(task: Language, rank: int = 0, world_size: int = 1) -> LanguageBatchSource:
    made = task.batch_source(torch.device("cpu"), torch.float32, rank, world_size)
    assert isinstance(made, LanguageBatchSource)
    return made
