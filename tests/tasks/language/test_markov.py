from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_capacity.tasks.language import Language, MarkovLanguage

LANGUAGES = [
    MarkovLanguage(characters, order, concentration, seed)
    for characters, order, concentration in ((2, 1, 0.5), (5, 1, 0.3), (3, 2, 0.5), (4, 2, 0.3), (3, 3, 1.0))
    for seed in (0, 1)
]


def stationary(language: MarkovLanguage) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """The contexts and their stationary distribution, from the eigenvector of the dense transition matrix."""
    contexts = list(product(range(language.characters), repeat=language.order))
    matrix = np.zeros((len(contexts), len(contexts)))
    for row, context in enumerate(contexts):
        for character in range(language.characters):
            column = contexts.index((*context[1:], character))
            matrix[row, column] = language.successors[row, character]
    values, vectors = np.linalg.eig(matrix.T)
    vector = vectors[:, np.argmin(abs(values - 1))].real
    return contexts, vector / vector.sum()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_entropy_rate_is_that_of_the_dense_transition_matrix(language: MarkovLanguage) -> None:
    contexts, shares = stationary(language)
    expected = -sum(
        share * chance * math.log2(chance)
        for place, share in zip(range(len(contexts)), shares, strict=True)
        for chance in language.successors[place]
    )
    assert 0 < expected < math.log2(language.characters)
    assert language.entropy_rate == pytest.approx(expected, rel=1e-9)


def transitions(language: MarkovLanguage) -> NDArray[np.float64]:
    """The transition matrix between contexts, (V^order, V^order)."""
    contexts = language.characters**language.order
    matrix = np.zeros((contexts, contexts))
    for row, column in product(range(contexts), range(language.characters)):
        matrix[row, (row * language.characters + column) % contexts] += language.successors[row, column]
    return matrix


def exact_entropy_rate(language: MarkovLanguage) -> float:
    """The entropy rate computed by Gaussian elimination in exact fractions."""
    matrix = [[Fraction(chance) for chance in row] for row in transitions(language).tolist()]
    contexts = len(matrix)
    for last in range(contexts - 1, 0, -1):  # the chain as seen while it is not in the last context
        for row in matrix[:last]:
            via = row[last] / sum(matrix[last][:last])
            row[:last] = [chance + via * other for chance, other in zip(row, matrix[last][:last], strict=False)]
            row[last] = via
    share = [Fraction(1)]
    for context in range(1, contexts):
        share.append(sum((share[row] * matrix[row][context] for row in range(context)), Fraction(0)))
    entropies = -(language.successors * np.log2(language.successors)).sum(1)
    weighted = sum(part * Fraction(entropy) for part, entropy in zip(share, entropies.tolist(), strict=True))
    return float(weighted / sum(share))


@pytest.mark.parametrize("concentration", [1.0, 0.1, 0.01, 0.005])
@pytest.mark.parametrize(("characters", "order"), [(2, 1), (5, 1), (3, 2), (2, 3), (9, 1)])
def test_the_entropy_rate_is_exact_or_rejected_where_it_depends_on_the_start(
    characters: int, order: int, concentration: float
) -> None:
    refused = {}
    for seed in range(6):
        language = MarkovLanguage(characters, order, concentration, seed)
        try:
            rate = language.entropy_rate
        except ValueError as error:
            refused[language] = str(error)
        else:
            assert rate == pytest.approx(exact_entropy_rate(language), rel=1e-9)
    assert len(refused) <= (0 if concentration == 1 else 4)
    for language, message in refused.items():
        assert message.startswith("concentration must be larger, or language_seed another")
        assert message.endswith(f"got {concentration:g} and {language.seed}")
        lazy = sorted(abs(1 + np.linalg.eigvals(transitions(language))) / 2)
        assert lazy[-2] > 1 - 1e-3  # what is left of the start, by which it shrinks at each character


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("concentration", [1.0, 0.1, 0.02])
def test_the_entropy_rate_of_a_large_language_is_that_of_its_stationary_distribution(
    order: int, concentration: float
) -> None:
    language = MarkovLanguage(9, order, concentration, seed=1)
    matrix = transitions(language)
    system = np.vstack((matrix.T - np.eye(len(matrix)), np.ones(len(matrix))))
    shares = np.linalg.lstsq(system, np.append(np.zeros(len(matrix)), 1.0), rcond=None)[0]
    expected = -(shares @ (language.successors * np.log2(language.successors)).sum(1))
    assert language.entropy_rate == pytest.approx(expected, rel=1e-9)


def test_the_entropy_rate_of_a_nearly_periodic_language_is_found() -> None:
    rare = 1e-9
    language = MarkovLanguage(3, 1)
    circle = np.full((3, 3), rare) + (1 - 3 * rare) * np.eye(3)[[1, 2, 0]]
    language.__dict__["successors"] = circle  # where the property keeps its value
    chance = 1 - 2 * rare
    expected = -chance * math.log1p(-2 * rare) / math.log(2) - 2 * rare * math.log2(rare)
    assert language.entropy_rate == pytest.approx(expected, rel=1e-8)


def test_a_language_of_two_separate_parts_has_no_entropy_rate() -> None:
    language = MarkovLanguage(4, 1, 0.5, seed=3)
    language.__dict__["successors"] = np.kron(np.eye(2), np.array([[0.9, 0.1], [0.5, 0.5]])) + 1e-300
    with pytest.raises(
        ValueError, match=r"^concentration must be larger, or language_seed another, .* got 0\.5 and 3$"
    ):
        _ = language.entropy_rate


@pytest.mark.parametrize("language", LANGUAGES)
def test_successors_are_distributions(language: MarkovLanguage) -> None:
    table = language.successors
    assert table.shape == (language.characters**language.order, language.characters)
    assert (table > 0).all()
    assert table.sum(1) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("language", LANGUAGES[2:])
def test_a_long_text_has_the_stationary_distribution_and_the_entropy_rate(language: MarkovLanguage) -> None:
    length, order = 60_000, language.order
    text = language.text(length).tolist()
    runs = Counter(tuple(text[place : place + order + 1]) for place in range(length - order))
    before: Counter[tuple[int, ...]] = Counter()
    for run, count in runs.items():
        before[run[:-1]] += count
    for context, share in zip(*stationary(language), strict=True):
        assert before[context] / length == pytest.approx(share, abs=0.02)
    total = sum(runs.values())
    empirical = -sum(count / total * math.log2(count / before[run[:-1]]) for run, count in runs.items())
    assert empirical == pytest.approx(language.entropy_rate, abs=0.03)


def test_each_context_has_its_own_successors_in_the_text() -> None:
    language = MarkovLanguage(3, 2, 0.5, seed=1)
    text = language.text(60_000).tolist()
    follows = Counter(tuple(text[place : place + 3]) for place in range(len(text) - 2))
    for row, (older, newer) in enumerate(product(range(3), repeat=2)):
        seen = [follows[older, newer, character] for character in range(3)]
        if sum(seen) > 1000:
            assert [count / sum(seen) for count in seen] == pytest.approx(language.successors[row], abs=0.06)


def test_the_text_depends_on_the_seed_only_and_is_the_beginning_of_a_longer_one() -> None:
    text = MarkovLanguage(seed=4).text(300)
    np.random.seed(5)  # noqa: NPY002 (the global generator must not matter)
    assert (MarkovLanguage(seed=4).text(300) == text).all()
    assert (MarkovLanguage(seed=4).text(500)[:300] == text).all()
    assert not (MarkovLanguage(seed=5).text(300) == text).all()


@pytest.mark.parametrize("characters", [2, 26, 27])
def test_the_text_has_the_alphabet_and_the_entropy_rate_of_the_language(characters: int) -> None:
    task = Language(characters=characters, language_order=1, concentration=0.5, length=3000, language_seed=2)
    language = MarkovLanguage(characters, 1, 0.5, 2)
    assert task.text.alphabet == language.alphabet
    assert len(set(language.alphabet)) == len(language.alphabet) == characters
    assert set(language.alphabet) <= set("abcdefghijklmnopqrstuvwxyz ")
    assert task.text.indices.tolist() == language.text(3000).tolist()
    assert task.text.entropy_rate == language.entropy_rate
    assert task.input_size == task.output_size == characters


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"characters": 1}, r"characters must be in \[2, 27\], got 1"),
        ({"characters": 28}, r"characters must be in \[2, 27\], got 28"),
        ({"order": 0}, r"language_order must be in \[1, 3\], got 0"),
        ({"order": 4}, r"language_order must be in \[1, 3\], got 4"),
        ({"concentration": 0.0}, "concentration must be a positive number, got 0"),
        ({"concentration": float("nan")}, "concentration must be a positive number, got nan"),
        ({"concentration": float("inf")}, "concentration must be a finite positive number, got inf"),
    ],
)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, int | float], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        MarkovLanguage(**arguments)  # type: ignore[arg-type]  # wrong on purpose
