from __future__ import annotations

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

from rnn_capacity.tasks.language import Corpus, Language, corpus, corpus_of
from rnn_capacity.tasks.language.corpus import TEXT8_ALPHABET, TEXT8_SHA256, TEXT8_URL, bounds_of, encode

SHARES = (0.1, 0.1)


def decoded(text: Corpus) -> str:
    return "".join(text.alphabet[index] for index in text.indices.tolist())


def written(folder: Path, content: str | bytes) -> str:
    path = folder / "text.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(("length", "bounds"), [(10, (8, 9, 10)), (1000, (800, 900, 1000)), (6007, (4806, 5406, 6007))])
def test_parts_are_80_10_and_10_percent_unless_asked_otherwise(
    length: int, bounds: tuple[int, int, int], tmp_path: Path
) -> None:
    text = ("ab" * length)[:length]
    found = Language(path=written(tmp_path, text)).corpus
    assert found.bounds == bounds == Language(length=length).corpus.bounds
    assert [found.part(split) for split in ("train", "val", "test")] == [*pairwise((0, *bounds))]
    assert len(found.train) == bounds[0]
    assert decoded(found) == text


def test_shares_move_the_bounds() -> None:
    assert bounds_of(1000, 0.05, 0.3) == (650, 700, 1000)
    assert Language(length=400, validation_share=0.25, test_share=0.5).corpus.bounds == (100, 200, 400)


@pytest.mark.parametrize("shares", [(0.0, 0.1), (0.1, 0.0), (0.5, 0.5), (1.0, 0.1), (-0.1, 0.1), (0.1, float("nan"))])
def test_shares_that_leave_a_part_empty_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"^(validation_share|test_share): .* given"):
        Language(validation_share=shares[0], test_share=shares[1])


@pytest.mark.parametrize("base", [97, 0x3B1, 0x4E00, 0x1F600])  # ASCII, Greek, Chinese, beyond 16 bits
@pytest.mark.parametrize("symbols", [2, 20])
def test_alphabet_is_the_training_parts_and_the_indices_are_a_naive_loops(base: int, symbols: int) -> None:
    text = "".join(chr(base + (place * place) % symbols) for place in range(200))
    found = corpus_of(text, SHARES)
    assert found.alphabet == "".join(sorted(set(text[:160])))
    assert found.indices.tolist() == [found.alphabet.index(symbol) for symbol in text]
    assert found.indices.dtype == torch.uint8


@pytest.mark.parametrize("symbols", [254, 255, 256, 300])
def test_more_than_255_symbols_are_kept_apart(symbols: int) -> None:
    text = "".join(chr(0x100 + place % symbols) for place in range(5 * symbols, -1, -1))
    found = corpus_of(text, SHARES)
    assert len(found.alphabet) == symbols
    assert found.indices.dtype == (torch.uint8 if symbols <= 255 else torch.int32)
    assert found.indices.tolist() == [found.alphabet.index(symbol) for symbol in text]


def test_a_given_alphabet_keeps_its_order() -> None:
    assert encode("cabba", "bca", "text", "").tolist() == [1, 2, 0, 0, 2]
    assert corpus_of("abcabcabca", SHARES, "cba").indices.tolist() == [2, 1, 0, 2, 1, 0, 2, 1, 0, 2]


@pytest.mark.parametrize(("late", "named"), [("xy", "'x', 'y'"), ("é", "'é'"), ("\n", r"'\n'"), ("a😀", "'😀'")])
def test_characters_unknown_at_validation_are_named(late: str, named: str, tmp_path: Path) -> None:
    data = Language(path=written(tmp_path, "ab" * 44 + "a" * (12 - len(late)) + late))
    with pytest.raises(ValueError, match=r"^path: .* given") as error:
        _ = data.corpus
    assert str(error.value) == f"path: {named} given, the training part has no such character (see data.unknown)"


@pytest.mark.parametrize("unknown", ["a", "?", "é"])  # of the alphabet, and beside it
def test_characters_unknown_at_validation_become_the_unknown_symbol(unknown: str, tmp_path: Path) -> None:
    text = "ab" * 44 + "aaaaaaaaxa😀b"
    found = Language(path=written(tmp_path, text), unknown=unknown).corpus
    assert found.alphabet == "".join(sorted({"a", "b", unknown}))
    assert decoded(found) == text.replace("x", unknown).replace("😀", unknown)


@pytest.mark.parametrize(
    ("text", "says"), [("<xml/>" * 20, "'/', '<', '>' given, which text8 does not"), ("ab", "2 c")]
)
@pytest.mark.parametrize("unknown", [None, "a"])
def test_a_file_in_the_cache_that_is_not_text8_is_named(
    text: str, says: str, unknown: str | None, tmp_path: Path
) -> None:
    (tmp_path / "text8").write_text(text)
    with pytest.raises(ValueError, match=rf"^corpus: {says}"):
        _ = Language(corpus="text8", cache_dir=str(tmp_path), unknown=unknown).corpus


@pytest.mark.parametrize("unknown", ["", "ab"])
def test_the_unknown_symbol_is_one_character(unknown: str) -> None:
    with pytest.raises(ValueError, match=r"^unknown: .* one character"):
        Language(unknown=unknown)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"abc\xff" * 10, "not UTF-8"), (b"abcd", "4 characters given, too few"), (None, "No such file")],
)
def test_a_file_that_is_no_text_is_refused(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = str(tmp_path / "missing.txt") if content is None else written(tmp_path, content)
    with pytest.raises(ValueError, match=rf"^path: .*{says}"):
        _ = Language(path=path).corpus


def test_unigram_entropy_is_that_of_the_training_part() -> None:
    found = corpus_of("aaab" * 20 + "b" * 20, SHARES)
    expected = torch.distributions.Categorical(torch.tensor([0.75, 0.25], dtype=torch.float64)).entropy()
    assert found.unigram_entropy == pytest.approx(float(expected), rel=1e-12)


class Answer(io.BytesIO):
    """What a server sends."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content))}


def served(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[str]:
    """Serve this content whatever the address; the addresses asked for."""
    asked: list[str] = []

    def urlopen(url: str, **_: Any) -> Answer:
        asked.append(url)
        return Answer(content)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def archive(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("text8", text)
    return content.getvalue()


def test_text8_without_its_file_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch, b"")
    with pytest.raises(ValueError, match=r"^corpus: 'text8' given, .*text8 does not exist; data\.download true"):
        _ = Language(corpus="text8", cache_dir=str(tmp_path / "cache")).corpus
    assert not asked
    assert not (tmp_path / "cache").exists()


def test_text8_without_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(ValueError, match=r"^corpus: 'text8' given, https://\S+ cannot be reached \(no route to host\)"):
        _ = Language(corpus="text8", download=True, cache_dir=str(tmp_path)).corpus
    assert not list(tmp_path.iterdir())


def test_a_connection_that_breaks_off_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Answer):
        def read(self, *_: Any) -> bytes:
            raise TimeoutError("timed out")

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Broken(b""))
    with pytest.raises(ValueError, match=r"^corpus: 'text8' given, https://\S+ cannot .*timed out"):
        _ = Language(corpus="text8", download=True, cache_dir=str(tmp_path)).corpus
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a file")
    with pytest.raises(ValueError, match=r"^cache_dir: .*text\.txt' given"):
        _ = Language(corpus="text8", download=True, cache_dir=path).corpus


@pytest.mark.parametrize("length", [0, 4])
def test_a_synthetic_text_that_is_too_short_is_refused_by_its_length(length: int) -> None:
    with pytest.raises(ValueError, match=rf"^length: {length} characters given, too few"):
        Language(length=length)


def test_another_archive_than_text8s_is_refused_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive("not the text")
    served(monkeypatch, content)
    with pytest.raises(
        ValueError, match=rf"sha256 {hashlib.sha256(content).hexdigest()}, not the known {TEXT8_SHA256}"
    ):
        _ = Language(corpus="text8", download=True, cache_dir=str(tmp_path)).corpus
    assert not list(tmp_path.iterdir())


def test_the_known_archive_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "of the anarchists " * 20
    content = archive(text)
    asked = served(monkeypatch, content)
    monkeypatch.setattr(corpus, "TEXT8_SHA256", hashlib.sha256(content).hexdigest())
    cache = tmp_path / "deep" / "cache"
    found = [Language(corpus="text8", download=True, cache_dir=str(cache)).corpus for _ in range(2)]
    assert asked == [TEXT8_URL]
    assert [path.name for path in cache.iterdir()] == ["text8"]
    assert [decoded(one) for one in found] == [text, text]
    assert found[0].alphabet == TEXT8_ALPHABET
