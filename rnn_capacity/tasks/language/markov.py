"""A synthetic Markov language of known entropy rate."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rnn_capacity.checks import check_positive

SYMBOLS = "abcdefghijklmnopqrstuvwxyz "

MIXING_STEPS = 20_000
"""Number of characters within which the source must forget its start, to eleven digits, to have an entropy rate."""


@dataclass(frozen=True)
class MarkovLanguage:
    """A random Markov source of text over the last `characters` symbols of a-z and space.

    The next character depends on the `order` characters before it; each context has its own distribution, drawn from a
    symmetric Dirichlet distribution. A small concentration gives contexts with few likely successors.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> language = MarkovLanguage(characters=3, order=1)
        >>> language.alphabet, language.text(5).shape
        ('yz ', (5,))
    """

    characters: int = 27
    """Number V of symbols in the alphabet, 2 to 27."""

    order: int = 2
    """Order of the Markov chain, the number of characters on which the next one depends, 1 to 3."""

    concentration: float = 0.1
    """Concentration of the symmetric Dirichlet distribution from which next-character distributions are drawn."""

    seed: int = 0
    """Seed of the transition probabilities and of the text."""

    def __post_init__(self) -> None:
        if not 2 <= self.characters <= len(SYMBOLS):
            raise ValueError(f"characters must be in [2, {len(SYMBOLS)}], got {self.characters}")
        if not 1 <= self.order <= 3:
            raise ValueError(f"language_order must be in [1, 3], got {self.order}")
        check_positive(concentration=self.concentration)

    @property
    def alphabet(self) -> str:
        """The symbols of the language; a symbol's position is its index."""
        return SYMBOLS[-self.characters :]

    @cached_property
    def successors(self) -> NDArray[np.float64]:
        """Probabilities of the next character in each context, (V^order, V); the oldest character varies slowest."""
        random = np.random.default_rng((self.seed, 0))
        shape = np.full(self.characters, self.concentration)
        return random.dirichlet(shape, self.characters**self.order) + 1e-300

    @cached_property
    def entropy_rate(self) -> float:
        """Entropy rate in bits per character: Σ_contexts π H(successors), where π is the stationary distribution.

        π is the limit of the lazy chain, which stays in its state with probability ½: it has the same stationary
        distribution, and converges where a nearly deterministic source would cycle. Two chains start from the uniform
        distribution and from the text's first context; when they agree, π is unique and does not depend on the start.

        Raises:
            ValueError: If they do not agree after MIXING_STEPS characters; the entropy of a text then depends on where
                it starts, and no rate is a lower bound of bits per character.
        """
        table = self.successors
        contexts = len(table)
        # from context (a, b) and character c to context (b, c)
        moves = table.reshape(self.characters, contexts // self.characters, self.characters)
        entropy = -(table * np.log2(table)).sum(1)
        share = np.zeros((2, contexts))
        share[0] = 1 / contexts
        share[1, 0] = 1
        for character in range(2 * MIXING_STEPS):
            flow = np.einsum("kab,abc->kbc", share.reshape(2, *moves.shape[:2]), moves).reshape(2, contexts)
            share += flow
            share /= share.sum(1, keepdims=True)
            if character % 32 == 0:
                rates = share @ entropy
                if abs(rates[0] - rates[1]) <= 1e-11 * rates[0] and np.abs(share[0] - share[1]).sum() < 1e-11:
                    return float(rates[0])
        raise ValueError(
            f"concentration must be larger, or language_seed another, for a language that forgets its start within "
            f"{MIXING_STEPS} characters and so has an entropy rate, got {self.concentration:g} and {self.seed}"
        )

    def text(self, length: int) -> NDArray[np.uint8]:
        """Generate a random text as indices into the alphabet, (length,), after 1000 discarded characters.

        Args:
            length: Characters of the text.
        """
        random = np.random.default_rng((self.seed, 1))
        discarded = 1000
        draws = random.random(length + discarded).tolist()
        ladders = np.cumsum(self.successors, 1)
        steps = (ladders / ladders[:, -1:]).tolist()
        contexts, last = self.characters**self.order, self.characters - 1
        context = 0
        found = []
        for draw in draws:
            character = min(bisect(steps[context], draw), last)
            found.append(character)
            context = (context * self.characters + character) % contexts
        return np.array(found[discarded:], dtype=np.uint8)
