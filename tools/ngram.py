"""Character n-gram models with interpolated Kneser-Ney smoothing, the baseline of the language models."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from typing import Any

from nltk.lm import NgramCounter, Vocabulary  # type: ignore[import-untyped]  # nltk has no types
from nltk.lm.models import InterpolatedLanguageModel  # type: ignore[import-untyped]  # nltk has no types
from nltk.lm.smoothing import KneserNey  # type: ignore[import-untyped]  # nltk has no types
from nltk.util import everygrams  # type: ignore[import-untyped]  # nltk has no types

DISCOUNTS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Kneser-Ney discounts tried for each order, of which the one with the fewest validation bits is taken."""


class TabledKneserNey(KneserNey):  # type: ignore[misc]  # nltk is untyped
    """nltk's Kneser-Ney smoothing with continuation counts from precomputed tables, for speed.

    nltk goes through all n-grams for each of them: hours for a million characters.

    Args:
        vocabulary: The symbols.
        counter: The counts of all orders up to the model's.
        order: n.
        discount: Taken from every count, in [0, 1].
    """

    def __init__(self, vocabulary: Vocabulary, counter: NgramCounter, order: int, discount: float) -> None:
        super().__init__(vocabulary, counter, order=order, discount=discount)
        self.before: defaultdict[tuple[tuple[str, ...], str], int] = defaultdict(int)
        self.total: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for size in range(2, order + 1):
            for prefix, counts in counter[size].items():
                context = prefix[1:]
                self.total[context] += len(counts)
                for symbol in counts:
                    self.before[context, symbol] += 1

    def _continuation_counts(self, word: str, context: tuple[str, ...] = ()) -> tuple[int, int]:
        """Return how many distinct symbols precede the context and word, and the sum of this count over all words."""
        # a context seen at the text's start alone has nothing before it; at least 1 avoids a division by 0
        return self.before.get((context, word), 0), max(self.total.get(context, 0), 1)


def nats(model: InterpolatedLanguageModel, text: str, begin: int, end: int) -> float:
    """Sum of -ln p over the characters in [begin, end), each given the order - 1 before it."""
    kinds = Counter(text[max(place - model.order + 1, 0) : place + 1] for place in range(begin, end))
    return -sum(
        count * math.log(model.unmasked_score(kind[-1], tuple(kind[:-1]) or None)) for kind, count in kinds.items()
    )


def measure_ngrams(text: str, bounds: tuple[int, int, int], orders: list[int]) -> list[dict[str, Any]]:
    """Return validation and test bits per character of n-gram models of several orders, with tuned discounts.

    Args:
        text: The text, whose training part has all of its characters.
        bounds: Characters up to the end of the training, the validation and the test part.
        orders: n of each model.
    """
    started = time.perf_counter()
    counter = NgramCounter([everygrams(text[: bounds[0]], max_len=max(orders))])
    counting = time.perf_counter() - started
    vocabulary = Vocabulary(sorted(set(text[: bounds[0]])))
    results = []
    for order in orders:
        started = time.perf_counter()
        found = []
        for discount in DISCOUNTS:
            params = {"order": order, "discount": discount}
            model = InterpolatedLanguageModel(
                TabledKneserNey, order, vocabulary=vocabulary, counter=counter, params=params
            )
            val = nats(model, text, bounds[0], bounds[1]) / math.log(2) / (bounds[1] - bounds[0])
            found.append((val, discount, model))
        val, discount, model = min(found, key=lambda one: one[0])
        test = nats(model, text, bounds[1], bounds[2]) / math.log(2) / (bounds[2] - bounds[1])
        results.append(
            {
                "order": order,
                "discount": discount,
                "ngrams": sum(len(counts) for size in range(2, order + 1) for counts in counter[size].values()),
                "val_bits_per_character": val,
                "bits_per_character": test,
                "val_by_discount": {str(rate): bits for bits, rate, _ in found},
                "seconds_counting": round(counting, 1),
                "seconds_scoring": round(time.perf_counter() - started, 1),
            }
        )
    return results
