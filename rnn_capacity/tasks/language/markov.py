"""A synthetic language whose entropy rate is known."""

from __future__ import annotations

import math
from bisect import bisect
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SYMBOLS = "abcdefghijklmnopqrstuvwxyz "

FORGETTING = 20_000
"""Characters within which a language must forget its start to eleven digits."""


@dataclass(frozen=True)
class MarkovLanguage:
    """A random Markov source over the last `characters` of a-z and space.

    The next character depends on the `order` characters before it; each context has its own distribution, drawn from a
    symmetric Dirichlet distribution. A small concentration gives contexts with few likely successors.

    Raises:
        ValueError: If a field is out of range.
    """

    characters: int = 27
    """Symbols V, 2 to 27."""

    order: int = 2
    """Characters that the next one depends on."""

    concentration: float = 0.1
    """Of the Dirichlet distribution of each context's successors."""

    seed: int = 0
    """Of the source and of the text."""

    def __post_init__(self) -> None:
        if not 2 <= self.characters <= len(SYMBOLS):
            raise ValueError(f"characters: {self.characters} given, 2 to {len(SYMBOLS)} allowed")
        if not 1 <= self.order <= 3:
            raise ValueError(f"order: {self.order} given, 1 to 3 allowed")
        if not 0 < self.concentration < math.inf:
            raise ValueError(f"concentration: {self.concentration:g} given, a positive number needed")

    @property
    def alphabet(self) -> str:
        """The symbols, in the order of their indices."""
        return SYMBOLS[-self.characters :]

    @cached_property
    def successors(self) -> NDArray[np.float64]:
        """The next character's distribution in each context, (V^order, V); contexts by their oldest character first."""
        random = np.random.default_rng((self.seed, 0))
        shape = np.full(self.characters, self.concentration)
        return random.dirichlet(shape, self.characters**self.order) + 1e-300

    @cached_property
    def entropy_rate(self) -> float:
        """Bits per character of the source: Σ_contexts π H(successors), π its stationary distribution.

        π is the limit of the source's lazy twin, which stays where it is every other time: that changes no stationary
        distribution, and a source that goes in circles, as nearly deterministic ones do, comes to rest. Two of them
        are followed, from every context alike and from the text's first one. Once they give the same rate the start
        is forgotten, and there is one limit.

        Raises:
            ValueError: If the start is not forgotten within FORGETTING characters: what a text shows of such a source
                depends on where it began, and no rate is a floor of bits per character.
        """
        table = self.successors
        contexts = len(table)
        # from context (a, b) and character c to context (b, c)
        moves = table.reshape(self.characters, contexts // self.characters, self.characters)
        entropy = -(table * np.log2(table)).sum(1)
        share = np.zeros((2, contexts))
        share[0] = 1 / contexts
        share[1, 0] = 1
        for character in range(2 * FORGETTING):
            flow = np.einsum("kab,abc->kbc", share.reshape(2, *moves.shape[:2]), moves).reshape(2, contexts)
            share += flow
            share /= share.sum(1, keepdims=True)
            if character % 32 == 0:
                rates = share @ entropy
                if abs(rates[0] - rates[1]) <= 1e-11 * rates[0] and np.abs(share[0] - share[1]).sum() < 1e-11:
                    return float(rates[0])
        raise ValueError(
            f"concentration: {self.concentration:g} given, the language of language_seed {self.seed} does not forget "
            f"its start within {FORGETTING} characters, so that its entropy rate says nothing of a text; a larger "
            "concentration or another language_seed needed"
        )

    def text(self, length: int) -> NDArray[np.uint8]:
        """Indices of so many characters, after a run-in that forgets the start."""
        random = np.random.default_rng((self.seed, 1))
        skipped = 1000
        draws = random.random(length + skipped).tolist()
        ladders = np.cumsum(self.successors, 1)
        steps = (ladders / ladders[:, -1:]).tolist()
        contexts, last = self.characters**self.order, self.characters - 1
        context = 0
        found = []
        for draw in draws:
            character = min(bisect(steps[context], draw), last)
            found.append(character)
            context = (context * self.characters + character) % contexts
        return np.array(found[skipped:], dtype=np.uint8)
