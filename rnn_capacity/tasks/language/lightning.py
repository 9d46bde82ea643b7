"""Language modelling by characters: the LightningDataModule and the LightningModule."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

import torch

from rnn_capacity.tasks.language.corpus import TEXT8_ALPHABET, Corpus, bounds_of, corpus_of, read_text, text8
from rnn_capacity.tasks.language.markov import MarkovLanguage
from rnn_capacity.tasks.language.sampling import check_sampling, encode_prompt, sample_text
from rnn_capacity.tasks.language.task import Language, Order
from rnn_capacity.training import Calls, RecurrentModule, TaskData


class LanguageData(TaskData):
    """Characters of a text: a file of your own, text8, or a synthetic language whose entropy rate is known.

    Args:
        path: A UTF-8 file; its alphabet is that of the training part. Null takes the corpus.
        corpus: synthetic needs nothing; text8 is 100 million characters of Wikipedia.
        download: Fetch text8 (31 MB) if the cache does not have it.
        cache_dir: Where text8 lies; null is ~/.cache/rnn_capacity.
        unknown: A symbol that stands for characters that the training part does not have; null makes them an error.
        validation_share: Share of the text that follows the training part.
        test_share: Share of the text at its end.
        characters: Symbols of the synthetic language, 2 to 27.
        language_order: Characters that the next one depends on in the synthetic language, 1 to 3.
        concentration: Of the synthetic language's Dirichlet distributions; small is more predictable.
        length: Characters of the synthetic text.
        language_seed: Of the synthetic language and its text.
        steps: Steps of a training window.
        warmup: First steps of a window at a random pointer that are not scored.
        batch_size: Windows, or streams, of an optimizer step over all devices.
        order: Random pointers, as the paper's, or contiguous streams with carried state.
        seed: Of the pointers.
        prompt: What predict goes on from.
        sample_length: Characters that predict adds.
        temperature: Divides the logits in predict; 0 takes the likeliest character.
        top_k: predict draws among the k likeliest characters; null is all.
        sample_seed: Of predict's draws.

    Raises:
        ValueError: If an argument is out of range, or the text cannot be had.
    """

    task_class = Language

    def __init__(
        self,
        path: str | None = None,
        corpus: Literal["synthetic", "text8"] = "synthetic",
        download: bool = False,
        cache_dir: str | None = None,
        unknown: str | None = None,
        validation_share: float = 0.1,
        test_share: float = 0.1,
        characters: int = 27,
        language_order: int = 2,
        concentration: float = 0.1,
        length: int = 1_000_000,
        language_seed: int = 0,
        steps: int = 50,
        warmup: int = 13,
        batch_size: int = 64,
        order: Order = "pointers",
        seed: int = 0,
        prompt: str = "the ",
        sample_length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        sample_seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        check_sampling(prompt, sample_length, temperature, top_k, "sample_length")
        if unknown is not None and len(unknown) != 1:
            raise ValueError(f"unknown: {unknown!r} given, one character needed")
        self.path = path
        self.corpus_name = corpus
        self.download = download
        self.cache = Path(cache_dir or os.path.join(os.path.expanduser("~"), ".cache", "rnn_capacity"))
        self.unknown = unknown
        self.shares = (validation_share, test_share)
        self.language = MarkovLanguage(characters, language_order, concentration, language_seed)
        self.length = length
        self.windows = (steps, warmup, batch_size, order, seed)
        self.prompt = prompt
        self.sample_length = sample_length
        self.temperature = temperature
        self.top_k = top_k
        self.sample_seed = sample_seed
        bounds_of(length, *self.shares, "length")

    @cached_property
    def corpus(self) -> Corpus:
        """The text, read or generated at the first need.

        Raises:
            ValueError: If the text cannot be had, or has characters in its last parts that its first does not have.
        """
        if self.path is None and self.corpus_name == "synthetic":
            bounds = bounds_of(self.length, *self.shares)
            text = torch.from_numpy(self.language.text(self.length))
            return Corpus(text, self.language.alphabet, bounds, self.language.entropy_rate)
        if self.path is None:
            path = text8(self.cache, self.download)
            other = f"which text8 does not have: {path} is another file"
            return corpus_of(read_text(str(path)), self.shares, TEXT8_ALPHABET, argument="corpus", lacking=other)
        return corpus_of(read_text(self.path), self.shares, unknown=self.unknown)

    @property
    def input_size(self) -> int:
        """One input a symbol."""
        return len(self.corpus.alphabet)

    output_size = input_size

    def make_task(self, parameters: int) -> Language:
        """The task, the same for a network of any size."""
        return Language(self.corpus, *self.windows)

    def predict_dataloader(self) -> Calls:
        """One call, which goes on from the prompt."""
        encode_prompt(self.prompt, self.corpus.alphabet)
        return Calls(1)


class LanguageModule(RecurrentModule):
    """A recurrent network that predicts the next character; its figure is bits per character."""

    def predict_step(self, call: int) -> str:
        """The prompt and what the network goes on with."""
        data = cast(LanguageData, self.trainer.datamodule)  # type: ignore[attr-defined]  # set undeclared by Lightning
        return sample_text(
            self.network,
            data.corpus.alphabet,
            data.prompt,
            data.sample_length,
            data.temperature,
            data.top_k,
            data.sample_seed,
        )
