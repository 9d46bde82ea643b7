from __future__ import annotations

import errno
import hashlib
import io
import urllib.error
import urllib.request
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_capacity.tasks.language import Corpus, Language, corpus, encode_corpus
from rnn_capacity.tasks.language.corpus import TEXT8_ALPHABET, TEXT8_SHA256, TEXT8_URL, encode, split_bounds

SHARES = (0.1, 0.1)


def decoded(text: Corpus) -> str:
    return "".join(text.alphabet[index] for index in text.indices.tolist())


def written(folder: Path, content: str | bytes) -> str:
    path = folder / "text.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(("length", "bounds"), [(10, (8, 9, 10)), (1000, (800, 900, 1000)), (6007, (4806, 5406, 6007))])
def test_parts_are_80_10_and_10_percent_by_default(length: int, bounds: tuple[int, int, int], tmp_path: Path) -> None:
    text = ("ab" * length)[:length]
    found = Language(path=written(tmp_path, text)).text
    assert found.bounds == bounds == Language(length=length).text.bounds
    assert [found.part(split) for split in ("train", "val", "test")] == [*pairwise((0, *bounds))]
    assert len(found.train) == bounds[0]
    assert decoded(found) == text


def test_shares_move_the_bounds() -> None:
    assert split_bounds(1000, 0.05, 0.3) == (650, 700, 1000)
    assert Language(length=400, validation_share=0.25, test_share=0.5).text.bounds == (100, 200, 400)


@pytest.mark.parametrize("shares", [(0.0, 0.1), (0.1, 0.0), (0.5, 0.5), (1.0, 0.1), (-0.1, 0.1), (0.1, float("nan"))])
def test_shares_that_leave_a_part_empty_are_rejected(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"^(validation_share must|test_share must) "):
        Language(validation_share=shares[0], test_share=shares[1])


@pytest.mark.parametrize("base", [97, 0x3B1, 0x4E00, 0x1F600])  # ASCII, Greek, Chinese, beyond 16 bits
@pytest.mark.parametrize("symbols", [2, 20])
def test_the_alphabet_is_that_of_the_training_part_and_indices_match_a_loop(base: int, symbols: int) -> None:
    text = "".join(chr(base + (place * place) % symbols) for place in range(200))
    found = encode_corpus(text, SHARES)
    assert found.alphabet == "".join(sorted(set(text[:160])))
    assert found.indices.tolist() == [found.alphabet.index(symbol) for symbol in text]
    assert found.indices.dtype == torch.uint8


@pytest.mark.parametrize("symbols", [254, 255, 256, 300])
def test_more_than_255_symbols_have_distinct_indices(symbols: int) -> None:
    text = "".join(chr(0x100 + place % symbols) for place in range(5 * symbols, -1, -1))
    found = encode_corpus(text, SHARES)
    assert len(found.alphabet) == symbols
    assert found.indices.dtype == (torch.uint8 if symbols <= 255 else torch.int32)
    assert found.indices.tolist() == [found.alphabet.index(symbol) for symbol in text]


def test_a_given_alphabet_keeps_its_order() -> None:
    assert encode("cabba", "bca", "text", "").tolist() == [1, 2, 0, 0, 2]
    assert encode_corpus("abcabcabca", SHARES, "cba").indices.tolist() == [2, 1, 0, 2, 1, 0, 2, 1, 0, 2]


@pytest.mark.parametrize(("late", "named"), [("xy", "'x', 'y'"), ("é", "'é'"), ("\n", r"'\n'"), ("a😀", "'😀'")])
def test_characters_outside_the_training_part_are_rejected_by_name(late: str, named: str, tmp_path: Path) -> None:
    task = Language(path=written(tmp_path, "ab" * 44 + "a" * (12 - len(late)) + late))
    with pytest.raises(ValueError, match=r"^path must have") as error:
        _ = task.text
    assert str(error.value) == (
        f"path must have characters of the alphabet only, got {named}: "
        "the training part has no such character; data.unknown sets a replacement"
    )


@pytest.mark.parametrize("unknown", ["a", "?", "é"])  # of the alphabet, and beside it
def test_characters_outside_the_training_part_become_the_unknown_symbol(unknown: str, tmp_path: Path) -> None:
    text = "ab" * 44 + "aaaaaaaaxa😀b"
    found = Language(path=written(tmp_path, text), unknown=unknown).text
    assert found.alphabet == "".join(sorted({"a", "b", unknown}))
    assert decoded(found) == text.replace("x", unknown).replace("😀", unknown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<xml/>" * 20, "corpus must have characters of the alphabet only, got '/', '<', '>': .*text8 is not text8"),
        ("ab", "corpus must have enough characters for three parts, got 2"),
    ],
)
@pytest.mark.parametrize("unknown", [None, "a"])
def test_a_cached_file_that_is_not_text8_is_rejected_by_name(
    text: str, message: str, unknown: str | None, tmp_path: Path
) -> None:
    (tmp_path / "text8").write_text(text)
    with pytest.raises(ValueError, match=rf"^{message}"):
        _ = Language(corpus="text8", cache_dir=str(tmp_path), unknown=unknown).text


@pytest.mark.parametrize("unknown", ["", "ab"])
def test_the_unknown_symbol_is_one_character(unknown: str) -> None:
    with pytest.raises(ValueError, match=r"^unknown must be one character, got"):
        Language(unknown=unknown)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a file that is not empty"),
        (b"abc\xff" * 10, "must be a UTF-8 file"),
        (b"abcd", "must have enough characters for three parts, got 4"),
        (None, "must be a readable file, got .*No such file"),
    ],
)
def test_a_file_that_is_not_a_text_is_rejected(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = str(tmp_path / "missing.txt") if content is None else written(tmp_path, content)
    with pytest.raises(ValueError, match=rf"^path {message}"):
        _ = Language(path=path).text


def test_unigram_entropy_is_that_of_the_training_part() -> None:
    found = encode_corpus("aaab" * 20 + "b" * 20, SHARES)
    expected = torch.distributions.Categorical(torch.tensor([0.75, 0.25], dtype=torch.float64)).entropy()
    assert found.unigram_entropy == pytest.approx(float(expected), rel=1e-12)


class Answer(io.BytesIO):
    """The response of a server."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content))}


def served(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[str]:
    """Return some content for every URL, and record the requested URLs in the returned list."""
    requested: list[str] = []

    def urlopen(url: str, **_: Any) -> Answer:
        requested.append(url)
        return Answer(content)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return requested


def archive(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("text8", text)
    return content.getvalue()


def test_text8_without_a_file_is_rejected_with_the_option_that_downloads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = served(monkeypatch, b"")
    with pytest.raises(ValueError, match=r"^download must be true to fetch text8 .*, got false and no file .*text8$"):
        Language(corpus="text8", cache_dir=str(tmp_path / "cache")).prepare_data()
    assert not requested
    assert not (tmp_path / "cache").exists()


def test_an_unreachable_server_of_text8_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(ValueError, match=r"^corpus text8 must be reachable at https://\S+, got no route to host"):
        Language(corpus="text8", download=True, cache_dir=str(tmp_path)).prepare_data()
    assert not list(tmp_path.iterdir())


def test_an_interrupted_download_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Answer):
        def read(self, *_: Any) -> bytes:
            raise TimeoutError("timed out")

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Broken(b""))
    with pytest.raises(ValueError, match=r"^corpus text8 must be downloadable from https://\S+ to .*, got timed out"):
        Language(corpus="text8", download=True, cache_dir=str(tmp_path)).prepare_data()
    assert not list(tmp_path.iterdir())


def test_a_cache_folder_that_cannot_be_created_is_rejected(tmp_path: Path) -> None:
    path = written(tmp_path, "a file")
    with pytest.raises(ValueError, match=r"^cache_dir must be a writable folder, got .*text\.txt'"):
        Language(corpus="text8", download=True, cache_dir=path).prepare_data()


@pytest.mark.parametrize("length", [0, 4])
def test_a_synthetic_text_that_is_too_short_is_rejected(length: int) -> None:
    with pytest.raises(ValueError, match=rf"^length must have enough characters for three parts, got {length}"):
        Language(length=length)


def test_an_archive_of_another_hash_is_rejected_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive("not the text")
    served(monkeypatch, content)
    with pytest.raises(
        ValueError, match=rf"^corpus text8 must have sha256 {TEXT8_SHA256}, got {hashlib.sha256(content).hexdigest()}"
    ):
        Language(corpus="text8", download=True, cache_dir=str(tmp_path)).prepare_data()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_part_of_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive("of the anarchists")
    served(monkeypatch, content)
    monkeypatch.setattr(corpus, "TEXT8_SHA256", hashlib.sha256(content).hexdigest())

    def copy(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(corpus.shutil, "copyfileobj", copy)
    with pytest.raises(ValueError, match=r"^corpus text8 must be downloadable .* No space left on device"):
        Language(corpus="text8", download=True, cache_dir=str(tmp_path)).prepare_data()
    assert not list(tmp_path.iterdir())


def test_the_known_archive_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "of the anarchists " * 20
    content = archive(text)
    requested = served(monkeypatch, content)
    monkeypatch.setattr(corpus, "TEXT8_SHA256", hashlib.sha256(content).hexdigest())
    cache = tmp_path / "deep" / "cache"
    tasks = [Language(corpus="text8", download=True, cache_dir=str(cache)) for _ in range(2)]
    for task in tasks:
        task.prepare_data()
    assert requested == [TEXT8_URL]
    assert [path.name for path in cache.iterdir()] == ["text8"]
    assert [decoded(task.text) for task in tasks] == [text, text]
    assert tasks[0].text.alphabet == TEXT8_ALPHABET
