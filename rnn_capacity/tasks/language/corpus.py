"""Corpora: texts encoded as indices into an alphabet and split into three parts; download of text8."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

TEXT8_URL = "https://mattmahoney.net/dc/text8.zip"
TEXT8_SHA256 = "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232"
TEXT8_ALPHABET = " abcdefghijklmnopqrstuvwxyz"

NOT_IN_TRAINING = "the training part has no such character; data.unknown sets a replacement"
"""Explanation in the error about a validation or test character that the training part does not have."""


@dataclass(frozen=True)
class Corpus:
    """A text as indices into an alphabet, split into training, validation and test part in this order.

    Example:
        >>> from rnn_capacity.tasks.language import encode_corpus
        >>> corpus = encode_corpus("abab" * 5, shares=(0.2, 0.2))
        >>> corpus.alphabet, len(corpus.train), corpus.part("test")
        ('ab', 12, (16, 20))
    """

    indices: Tensor
    """The text as indices into the alphabet, (characters,), uint8 for up to 255 symbols, else int32."""

    alphabet: str
    """The distinct symbols of the text; a symbol's position is its index."""

    bounds: tuple[int, int, int]
    """End positions of the training, the validation and the test part, in characters."""

    entropy_rate: float | None = None
    """Entropy rate of the source of the text, in bits per character; None if it is not known."""

    def part(self, split: str) -> tuple[int, int]:
        """Return the positions in the text at which a split begins and ends, in characters.

        Args:
            split: "train", "val" or "test".
        """
        index = ("train", "val", "test").index(split)
        return (0, *self.bounds)[index], self.bounds[index]

    @property
    def train(self) -> Tensor:
        """The training part of the text as indices into the alphabet."""
        return self.indices[: self.bounds[0]]

    @cached_property
    def unigram_entropy(self) -> float:
        """Entropy of the training part's character frequencies, in nats."""
        counts = torch.bincount(self.train, minlength=len(self.alphabet)).double()
        share = counts[counts > 0] / counts.sum()
        return float(-(share * share.log()).sum())


def split_bounds(length: int, validation: float, test: float, argument: str = "path") -> tuple[int, int, int]:
    """Compute where the training, the validation and the test part of a text end, in characters.

    Args:
        length: Characters of the text.
        validation: Share of the validation part.
        test: Share of the test part.
        argument: Name of the argument that the text comes from, for error messages.

    Raises:
        ValueError: If a share is out of range, or a part gets no character.
    """
    for name, share in (("validation_share", validation), ("test_share", test)):
        if not 0 < share < 1:
            raise ValueError(f"{name} must be in (0, 1), got {share:g}")
    if validation + test >= 1:
        raise ValueError(f"validation_share must leave a training part, got {validation:g} with test_share {test:g}")
    first = length - round(length * (validation + test))
    second = length - round(length * test)
    if not 0 < first < second < length:
        raise ValueError(f"{argument} must have enough characters for three parts, got {length}")
    return first, second, length


def read_text(path: str) -> str:
    """Read a UTF-8 file that is not empty as a string.

    Args:
        path: The file.

    Raises:
        ValueError: If it cannot be read, is not UTF-8, or is empty.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise ValueError(f"path must be a readable file, got {path!r} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        # UnicodeDecodeError is a ValueError, and the command line reports the first of a chain
        raise ValueError(f"path must be a UTF-8 file, got {path!r} ({error})") from None
    if not text:
        raise ValueError(f"path must be a file that is not empty, got {path!r}")
    return text


def encode_corpus(
    text: str,
    shares: tuple[float, float],
    alphabet: str | None = None,
    unknown: str | None = None,
    argument: str = "path",
    reason: str = NOT_IN_TRAINING,
) -> Corpus:
    """Split a text into training, validation and test part and encode it as indices into an alphabet.

    Args:
        text: The text.
        shares: Shares of the validation and the test part.
        alphabet: Symbols by their indices; None is the characters of the training part, by code point.
        unknown: A symbol that replaces characters outside the alphabet.
        argument: Name of the argument that the text comes from, for error messages.
        reason: Reason of the error for characters outside the alphabet.

    Raises:
        ValueError: If a part gets no character, or a character is outside the alphabet and there is no replacement.

    Example:
        >>> encode_corpus("abcabcabcb", shares=(0.2, 0.1)).indices
        tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 1], dtype=torch.uint8)
    """
    bounds = split_bounds(len(text), *shares, argument)
    if alphabet is None:
        alphabet = "".join(map(chr, np.unique(code_points(text[: bounds[0]] + (unknown or "")))))
    return Corpus(encode(text, alphabet, argument, reason, unknown), alphabet, bounds)


def code_points(text: str) -> NDArray[np.unsignedinteger]:
    """Return the code points of a text, as bytes where it is ASCII."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def encode(text: str, alphabet: str, argument: str, reason: str, unknown: str | None = None) -> Tensor:
    """Encode the characters of a text as indices into an alphabet.

    Args:
        text: The text.
        alphabet: Symbols by their indices.
        argument: Name of the argument that the text comes from, for error messages.
        reason: Reason of the error for characters outside the alphabet.
        unknown: A symbol that replaces characters outside the alphabet.

    Returns:
        (characters,), uint8 for up to 255 symbols, else int32.

    Raises:
        ValueError: If a character is outside the alphabet and there is no replacement.
    """
    codes = code_points(text)
    none = len(alphabet)
    kind = np.uint8 if none <= 255 else np.int32
    table = np.full(max(int(codes.max(initial=0)), *map(ord, alphabet)) + 1, none, dtype=kind)
    table[[ord(symbol) for symbol in alphabet]] = np.arange(none)
    indices = table[codes]
    outside = indices == none
    if outside.any():
        if unknown is None:
            names = ", ".join(repr(chr(code)) for code in np.unique(codes[outside])[:10])
            raise ValueError(f"{argument} must have characters of the alphabet only, got {names}: {reason}")
        indices[outside] = alphabet.index(unknown)
    return torch.from_numpy(indices)


def download_text8(path: Path) -> None:
    """Download the text8 corpus, check its SHA-256, and write the unzipped file atomically.

    Args:
        path: Where to put it.

    Raises:
        ValueError: If it cannot be downloaded or written, or is not the known file.
    """
    cache = path.parent
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cache_dir must be a writable folder, got {str(cache)!r} ({error})") from error
    part, whole = cache / f"text8.zip.{os.getpid()}.part", cache / f"text8.{os.getpid()}.part"
    try:
        fetch(TEXT8_URL, part)
        found = hashlib.sha256(part.read_bytes()).hexdigest()
        if found != TEXT8_SHA256:
            raise ValueError(f"corpus text8 must have sha256 {TEXT8_SHA256}, got {found} from {TEXT8_URL}")
        with zipfile.ZipFile(part) as archive, archive.open("text8") as inside:
            with whole.open("wb") as out:
                shutil.copyfileobj(inside, out)
            whole.replace(path)
    except urllib.error.URLError as error:
        raise ValueError(f"corpus text8 must be reachable at {TEXT8_URL}, got {error.reason}") from error
    except OSError as error:  # a connection that breaks off, a full disk
        raise ValueError(f"corpus text8 must be downloadable from {TEXT8_URL} to {cache}, got {error}") from error
    finally:
        part.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)


def fetch(url: str, path: Path) -> None:
    """Download a URL to a file, with a progress bar."""
    with urllib.request.urlopen(url, timeout=30) as answer, path.open("wb") as out:
        size = int(answer.headers.get("Content-Length", 0)) or None
        with tqdm(total=size, unit="B", unit_scale=True, desc=url, file=sys.stderr) as bar:
            while block := answer.read(1 << 16):
                out.write(block)
                bar.update(len(block))
