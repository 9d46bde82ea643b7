"""Character-level language modelling (Collins et al. 2017, sec. 3.3, App. B)."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.checks import check_choice, check_finite, check_memory, check_minimum
from rnn_capacity.metrics import BitsPerCharacter
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks.language.batches import LanguageBatchSource
from rnn_capacity.tasks.language.corpus import (
    TEXT8_ALPHABET,
    Corpus,
    download_text8,
    encode_corpus,
    read_text,
    split_bounds,
)
from rnn_capacity.tasks.language.markov import MarkovLanguage
from rnn_capacity.tasks.language.sampling import check_sampling, encode_prompt, sample_text
from rnn_capacity.training import Batch, BatchSource, Task

Order = Literal["pointers", "streams"]
CorpusName = Literal["synthetic", "text8"]


@dataclass(frozen=True)
class Language(Task):
    """Predict the next character of a text: a UTF-8 file, text8, or a synthetic language of known entropy rate.

    Training reads windows at random positions, each from the learned initial state, whose first steps are not scored
    (the paper's way); or contiguous streams whose state is carried from batch to batch and back-propagated within one
    (truncated back-propagation through time). Evaluation reads a whole split in contiguous streams and predicts each of
    its characters exactly once, a stream's first from the character before it.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> task = Language(length=10_000, characters=5, language_order=1)
        >>> task.alphabet, task.samples, round(task.text.entropy_rate, 2)
        ('wxyz ', 8000, 1.04)
    """

    name = "language"
    primary_metric = "bits_per_character"
    metric_directions = BitsPerCharacter.directions

    path: str | None = None
    """Path of a UTF-8 text file, whose training part defines the alphabet; null uses `corpus` instead."""

    corpus: CorpusName = "synthetic"
    """Text to use without a path: a random Markov language (synthetic), or 100 million characters of Wikipedia
    (text8)."""

    download: bool = False
    """Whether text8 (31 MB) may be downloaded if the cache does not have it."""

    cache_dir: str | None = None
    """Folder in which the downloaded text8 is kept; null is ~/.cache/rnn_capacity."""

    unknown: str | None = None
    """Symbol that replaces characters which the training part does not have; null makes such characters an error."""

    validation_share: float = 0.1
    """Fraction of the text, after the training part, that is the validation part."""

    test_share: float = 0.1
    """Fraction of the text, at its end, that is the test part."""

    characters: int = 27
    """Number of symbols of the synthetic language, 2 to 27."""

    language_order: int = 2
    """Order of the synthetic Markov language, the number of characters on which the next one depends, 1 to 3."""

    concentration: float = 0.1
    """Concentration of the synthetic language's Dirichlet distributions; small is more predictable."""

    length: int = 1_000_000
    """Number of characters of the synthetic text."""

    language_seed: int = 0
    """Seed of the synthetic language's transition probabilities and of the synthetic text."""

    steps: int = 50
    """Number T of time steps of a training window or of a piece of a stream."""

    warmup: int = 13
    """Number of first time steps of a window that are not scored, with order = pointers; streams score every step."""

    batch_size: int = 64
    """Number of windows, or of streams, per optimizer step over all devices."""

    order: Order = "pointers"
    """How training reads the text: windows at random positions (pointers, the paper's way), or contiguous streams whose
    state is carried from batch to batch (streams)."""

    seed: int = 0
    """Seed of the random window positions; the network's weights have another seed."""

    prompt: str = "the "
    """Text that the `predict` subcommand continues."""

    sample_length: int = 200
    """Number of characters that `predict` generates after the prompt."""

    temperature: float = 1.0
    """Sampling temperature of `predict`, which divides the logits; 0 always takes the likeliest character."""

    top_k: int | None = None
    """Number k of likeliest characters among which `predict` samples; null is all."""

    sample_seed: int = 0
    """Seed with which `predict` samples characters."""

    def __post_init__(self) -> None:
        check_finite(**vars(self))
        check_choice(get_args(CorpusName), corpus=self.corpus)
        check_choice(get_args(Order), order=self.order)
        check_minimum(1, steps=self.steps, batch_size=self.batch_size)
        check_minimum(0, seed=self.seed, language_seed=self.language_seed, sample_seed=self.sample_seed)
        check_sampling(self.prompt, self.sample_length, self.temperature, self.top_k, "sample_length")
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"warmup must be in [0, steps - 1 = {self.steps - 1}], got {self.warmup}")
        if self.unknown is not None and len(self.unknown) != 1:
            raise ValueError(f"unknown must be one character, got {self.unknown!r}")
        split_bounds(self.length, self.validation_share, self.test_share, "length")
        check_memory(length=self.length)
        self.language  # noqa: B018 (checks its arguments)

    @cached_property
    def language(self) -> MarkovLanguage:
        """The Markov source of the synthetic text."""
        return MarkovLanguage(self.characters, self.language_order, self.concentration, self.language_seed)

    @property
    def text8_file(self) -> Path | None:
        """Path of the text8 file in the cache; None if the task reads another text."""
        if self.path is not None or self.corpus != "text8":
            return None
        return Path(self.cache_dir or os.path.join(os.path.expanduser("~"), ".cache", "rnn_capacity")) / "text8"

    def prepare_data(self) -> None:
        """Download text8 if `corpus` is text8 and the cache lacks the file.

        Raises:
            ValueError: If it is not there and cannot or may not be downloaded.
        """
        file = self.text8_file
        if file is not None and not file.is_file():
            if not self.download:
                raise ValueError(f"download must be true to fetch text8 (31 MB), got false and no file {file}")
            download_text8(file)

    @cached_property
    def text(self) -> Corpus:
        """The encoded and split text, which is read or generated at first use.

        Raises:
            ValueError: If the file cannot be read, or has characters in its later parts that its first does not have.
        """
        shares = self.validation_share, self.test_share
        if self.path is not None:
            return encode_corpus(read_text(self.path), shares, unknown=self.unknown)
        file = self.text8_file
        if file is None:
            indices = torch.from_numpy(self.language.text(self.length))
            bounds = split_bounds(self.length, *shares, "length")
            return Corpus(indices, self.language.alphabet, bounds, self.language.entropy_rate)
        return encode_corpus(
            read_text(str(file)), shares, TEXT8_ALPHABET, argument="corpus", reason=f"{file} is not text8"
        )

    def for_network(self, parameters: int) -> Language:
        """Check that the training part is long enough; the task is the same for a network of any size.

        Raises:
            ValueError: If it is too short.
        """
        file = self.text8_file
        if file is None or file.is_file():  # otherwise `prepare_data` comes first
            self._check_text()
        return self

    def _check_text(self) -> None:
        if not self.text.unigram_entropy > 0:
            argument = "corpus" if self.path is None else "path"
            raise ValueError(f"{argument} must have at least two symbols in its training part, got one")
        length = len(self.text.train)
        needed = 1 + (self.steps if self.order == "pointers" else self.steps * self.batch_size)
        if length < needed:
            raise ValueError(
                f"steps must leave room in a training part of {length} characters, got steps {self.steps} and "
                f"batch_size {self.batch_size}, which need {needed} characters for order {self.order}"
            )

    @property
    def alphabet(self) -> str:
        """The distinct symbols of the text; a symbol's position is its index."""
        if self.path is not None:
            return self.text.alphabet
        return TEXT8_ALPHABET if self.corpus == "text8" else self.language.alphabet

    @property
    def input_size(self) -> int:
        """Number of input features, one per symbol of the alphabet (one-hot)."""
        return len(self.alphabet)

    output_size = input_size  # one logit per symbol

    @property
    def samples(self) -> int:
        """Number of characters of the training part."""
        return len(self.text.train)

    @property
    def carries_state(self) -> bool:
        """Whether training carries the state from batch to batch, as it does with order = streams."""
        return self.order == "streams"

    @property
    def baseline_loss(self) -> float:
        """Cross-entropy of predicting the training part's character frequencies, in nats per character."""
        return self.text.unigram_entropy

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of predicting the training part's character frequencies at every step."""
        bits = self.baseline_loss / math.log(2)
        rate = self.text.entropy_rate
        known = {} if rate is None else {"entropy_rate": rate, "excess_bits_per_character": bits - rate}
        return {"bits_per_character": bits, **known}

    def batch_source(self, device: torch.device, dtype: torch.dtype, rank: int = 0, world_size: int = 1) -> BatchSource:
        """Return a source of batches that keeps the text on a device."""
        return LanguageBatchSource(self, device, rank, world_size)

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Return next-character logits of scored time steps, (batch, scored steps, symbols), and the final state."""
        if state is not None and len(batch.inputs) < len(state[0][0]):  # the few streams that are one longer
            state = [tuple(part[: len(batch.inputs)] for part in layer) for layer in state]
        logits, state = network(batch.inputs, state, warmup=batch.inputs.shape[-2] - batch.targets.shape[-1])
        return logits, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute the cross-entropy of each window, (batch,), in nats per scored character."""
        losses = F.cross_entropy(predictions.transpose(1, 2), batch.targets, reduction="none")
        return losses.mean(1)

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the `BitsPerCharacter` metric."""
        return BitsPerCharacter(self.text.entropy_rate)

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the logits and targets of every scored character to the metric."""
        metric.update(predictions, batch.targets)

    def check_generation(self) -> None:
        """Check that the alphabet of the text contains every character of the prompt.

        Raises:
            ValueError: If it has not.
        """
        encode_prompt(self.prompt, self.alphabet)

    def generate(self, network: RecurrentNetwork) -> str:
        """Return the prompt with the text by which a trained network continues it."""
        return sample_text(
            network, self.alphabet, self.prompt, self.sample_length, self.temperature, self.top_k, self.sample_seed
        )
