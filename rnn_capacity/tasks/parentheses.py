"""Parentheses: ten counts of open brackets, kept at once for a long time (Collins et al. 2017, sec. 3, App. B)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import Counting, counting_loss
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FreshTask, RecurrentModule, TaskData, at_least

TYPES = 10
"""Bracket types; a stream of symbols for each."""

NOISE = 10
"""Noise characters."""

SYMBOLS = 2 * TYPES + NOISE
"""A stream's alphabet: the opening brackets of types 0 to 9, their closing ones, the noise."""

HIGHEST = 9
"""A count is held between 0 and this."""


def draw_symbols(sequences: int, steps: int, random: torch.Generator) -> Tensor:
    """Symbols of which half are noise and half are brackets, of any type and either direction.

    Args:
        sequences: Sequences.
        steps: Steps T.
        random: Drawn from.

    Returns:
        (sequences, T, TYPES), int64 in [0, SYMBOLS): stream j is the last axis' place j.
    """
    drawn = torch.randint(4 * TYPES, (sequences, steps, TYPES), generator=random)
    return torch.where(drawn < SYMBOLS, drawn, drawn - NOISE)  # two of the numbers mean the same noise character


def open_brackets(symbols: Tensor) -> Tensor:
    """Each stream's count of open brackets of its own type after the last step, held at 0 and at HIGHEST all along.

    `(a<a<bcb>[[[)` in the stream of type `<>` has one.

    Args:
        symbols: (sequences, T, TYPES), as `draw_symbols` gives them.

    Returns:
        (sequences, TYPES), int64 in [0, HIGHEST].
    """
    own = torch.arange(TYPES, device=symbols.device)
    changes = (symbols == own).to(torch.int8) - (symbols == own + TYPES).to(torch.int8)
    count = torch.zeros_like(changes[:, 0])
    for change in changes.unbind(1):
        count = (count + change).clamp_(0, HIGHEST)
    return count.long()


def count_distribution(steps: int) -> Tensor:
    """The chance of each count after T steps, exactly: (HIGHEST + 1,), float64.

    A count is a Markov chain from 0: a step opens a bracket of the stream's type with chance 1/(4 · TYPES), and closes
    one with the same.
    """
    move = 1 / (4 * TYPES)
    size = HIGHEST + 1
    chain = torch.eye(size, dtype=torch.float64) * (1 - 2 * move)
    chain[0, 0] = chain[-1, -1] = 1 - move
    chain.diagonal(1)[:] = chain.diagonal(-1)[:] = move
    shares: Tensor = torch.linalg.matrix_power(chain, steps)[0]
    return shares


@dataclass(frozen=True)
class Parentheses(FreshTask):
    """Ten independent streams of brackets and noise; the count of open brackets of each stream's type at the end.

    Raises:
        ValueError: If a field is out of range.
    """

    name = "parentheses"
    headline = "cross_entropy"
    input_size = TYPES * SYMBOLS
    output_size = TYPES * (HIGHEST + 1)
    evaluation_batch = 500
    draws_by_batch = True  # a sequence takes 14 kB

    steps: int = 175
    """Steps T of a sequence; the last output is scored."""

    batch_size: int = 64
    """Sequences of an optimizer step. The paper does not give it."""

    evaluation_samples: int = 5000
    """Sequences of the validation set, and of the test set."""

    seed: int = 0
    """Of the sequences."""

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, batch_size=self.batch_size, evaluation_samples=self.evaluation_samples)
        at_least(0, seed=self.seed)

    @property
    def constant_loss(self) -> float:
        """Ten times the entropy of a count, in nats."""
        return TYPES * float(torch.special.entr(count_distribution(self.steps)).sum())

    def draw(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sequences: places of the ones among the inputs, (samples, T, TYPES), and counts, (samples, TYPES); int64."""
        symbols = draw_symbols(samples, self.steps, random)
        return symbols + SYMBOLS * torch.arange(TYPES), open_brackets(symbols)

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Logits of the last step, (batch, 1, output_size), and the last state."""
        logits, state = network(batch.inputs, state, warmup=self.steps - 1)
        return logits, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The sum of ten cross-entropies, in nats: (batch,)."""
        return counting_loss(self._by_count(predictions), batch.targets)

    def metric(self, network: RecurrentNetwork) -> Metric:
        """Cross-entropy and the shares right."""
        return Counting()

    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the last step's logits."""
        metric.update(self._by_count(predictions), batch.targets)

    def worthless(self) -> dict[str, float]:
        """The best guess that ignores the sequence: each count's distribution, hence its most likely value."""
        likeliest = float(count_distribution(self.steps).max())
        return {
            "cross_entropy": self.constant_loss,
            "counts_right": likeliest,
            "sequences_right": likeliest**TYPES,
        }

    @staticmethod
    def _by_count(predictions: Tensor) -> Tensor:
        return predictions[:, -1].view(-1, TYPES, HIGHEST + 1)


class ParenthesesData(TaskData):
    """Ten streams of brackets and noise; how many brackets of its own type are open in each at the end?

    Args:
        steps: Steps of a sequence; the last output is scored.
        batch_size: Sequences of an optimizer step over all devices, drawn afresh at every step.
        evaluation_samples: Sequences of the validation set, and of the test set.
        seed: Of the sequences; the network has its own.

    Raises:
        ValueError: If an argument is out of range.
    """

    task_class = Parentheses

    def __init__(self, steps: int = 175, batch_size: int = 64, evaluation_samples: int = 5000, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.any_size = Parentheses(steps, batch_size, evaluation_samples, seed)


class ParenthesesModule(RecurrentModule):
    """A recurrent network that counts open brackets; its figure is the cross-entropy."""
