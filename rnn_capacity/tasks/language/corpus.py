"""Texts: a file, text8, or the synthetic language; as indices into an alphabet, in three parts."""

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

NOT_IN_TRAINING = "the training part has no such character (see data.unknown)"
"""Said of a file's later parts, the one case where another symbol may stand for a character."""


@dataclass(frozen=True)
class Corpus:
    """A text as indices, and where its parts begin.

    The parts lie one after another: training, validation, test.
    """

    indices: Tensor
    """(characters,), uint8 for up to 255 symbols, else int32."""

    alphabet: str
    """The symbols; index i is the i-th of them."""

    bounds: tuple[int, int, int]
    """Characters up to the end of the training, the validation and the test part."""

    entropy_rate: float | None = None
    """Bits per character of the source, where it is known."""

    def part(self, split: str) -> tuple[int, int]:
        """Where a part begins and ends: "train", "val" or "test"."""
        place = ("train", "val", "test").index(split)
        return (0, *self.bounds)[place], self.bounds[place]

    @property
    def train(self) -> Tensor:
        """The training part."""
        return self.indices[: self.bounds[0]]

    @cached_property
    def unigram_entropy(self) -> float:
        """Nats per character of the training part's letter frequencies."""
        counts = torch.bincount(self.train, minlength=len(self.alphabet)).double()
        share = counts[counts > 0] / counts.sum()
        return float(-(share * share.log()).sum())


def bounds_of(length: int, validation: float, test: float, argument: str = "path") -> tuple[int, int, int]:
    """Characters up to the end of each part.

    Args:
        length: Characters of the text.
        validation: Share of the validation part.
        test: Share of the test part.
        argument: What the text was given as, for the message.

    Raises:
        ValueError: If a share is out of range, or a part gets no character.
    """
    for name, share in (("validation_share", validation), ("test_share", test)):
        if not 0 < share < 1:
            raise ValueError(f"{name}: {share:g} given, a share in (0, 1) needed")
    if validation + test >= 1:
        raise ValueError(f"validation_share: {validation:g} given with test_share {test:g}, no training part is left")
    first = length - round(length * (validation + test))
    second = length - round(length * test)
    if not 0 < first < second < length:
        raise ValueError(f"{argument}: {length} characters given, too few for three parts")
    return first, second, length


def read_text(path: str) -> str:
    """The text of a UTF-8 file.

    Raises:
        ValueError: If there is no such file, it is not UTF-8, or it is empty.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise ValueError(f"path: {path!r} given, which cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        # a UnicodeDecodeError is a ValueError, too, and the first of a chain is what the command line reports
        raise ValueError(f"path: {path!r} given, which is not UTF-8 ({error})") from None
    if not text:
        raise ValueError(f"path: {path!r} given, which is empty")
    return text


def corpus_of(
    text: str,
    shares: tuple[float, float],
    alphabet: str | None = None,
    unknown: str | None = None,
    argument: str = "path",
    lacking: str = NOT_IN_TRAINING,
) -> Corpus:
    """A text as a corpus.

    Args:
        text: The text.
        shares: Of the validation and the test part.
        alphabet: The symbols; None is the characters of the training part, in the order of their numbers.
        unknown: A symbol that stands for characters outside the alphabet.
        argument: What the text was given as, for the message.
        lacking: What is said of a character outside the alphabet.

    Raises:
        ValueError: If a part gets no character, or a character is outside the alphabet and nothing stands for it.
    """
    bounds = bounds_of(len(text), *shares, argument)
    if alphabet is None:
        alphabet = "".join(map(chr, np.unique(code_points(text[: bounds[0]] + (unknown or "")))))
    return Corpus(encode(text, alphabet, argument, lacking, unknown), alphabet, bounds)


def code_points(text: str) -> NDArray[np.unsignedinteger]:
    """The characters' numbers, a byte each where that is enough."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def encode(text: str, alphabet: str, argument: str, lacking: str, unknown: str | None = None) -> Tensor:
    """Indices of a text's characters.

    Args:
        text: The text.
        alphabet: The symbols.
        argument: What the text was given as, for the message.
        lacking: What the message says of characters outside the alphabet.
        unknown: A symbol that stands for every character outside the alphabet.

    Returns:
        (characters,), uint8 for up to 255 symbols, else int32.

    Raises:
        ValueError: If a character is outside the alphabet and nothing stands for it.
    """
    codes = code_points(text)
    none = len(alphabet)
    kind = np.uint8 if none <= 255 else np.int32
    table = np.full(max(int(codes.max(initial=0)), *map(ord, alphabet)) + 1, none, dtype=kind)
    table[[ord(symbol) for symbol in alphabet]] = np.arange(none)
    indices = table[codes]
    strange = indices == none
    if strange.any():
        if unknown is None:
            names = ", ".join(repr(chr(code)) for code in np.unique(codes[strange])[:10])
            raise ValueError(f"{argument}: {names} given, {lacking}")
        indices[strange] = alphabet.index(unknown)
    return torch.from_numpy(indices)


def text8(cache: Path, download: bool) -> Path:
    """The text8 file in the cache, downloaded if asked for.

    Raises:
        ValueError: If it is not there and cannot or may not be downloaded, or is not the known file.
    """
    path = cache / "text8"
    if path.is_file():
        return path
    if not download:
        raise ValueError(f"corpus: 'text8' given, {path} does not exist; data.download true fetches it (31 MB)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cache_dir: {str(cache)!r} given, where nothing can be written ({error})") from error
    part = cache / f"text8.zip.{os.getpid()}.part"
    try:
        fetch(TEXT8_URL, part)
        found = hashlib.sha256(part.read_bytes()).hexdigest()
        if found != TEXT8_SHA256:
            raise ValueError(f"corpus: {TEXT8_URL} has sha256 {found}, not the known {TEXT8_SHA256}")
        with zipfile.ZipFile(part) as archive, archive.open("text8") as inside:
            whole = cache / f"text8.{os.getpid()}.part"
            with whole.open("wb") as out:
                shutil.copyfileobj(inside, out)
            whole.replace(path)
    except urllib.error.URLError as error:
        raise ValueError(f"corpus: 'text8' given, {TEXT8_URL} cannot be reached ({error.reason})") from error
    except OSError as error:  # a connection that breaks off, a full disk
        raise ValueError(f"corpus: 'text8' given, {TEXT8_URL} cannot be brought to {cache} ({error})") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def fetch(url: str, path: Path) -> None:
    """Download a file, with a progress bar."""
    with urllib.request.urlopen(url, timeout=30) as answer, path.open("wb") as out:
        size = int(answer.headers.get("Content-Length", 0)) or None
        with tqdm(total=size, unit="B", unit_scale=True, desc=url, file=sys.stderr) as bar:
            while block := answer.read(1 << 16):
                out.write(block)
                bar.update(len(block))
