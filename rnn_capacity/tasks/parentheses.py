"""Parentheses: count the open brackets of ten types at once (Collins et al. 2017, sec. 3, App. B)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.checks import check_memory, check_minimum
from rnn_capacity.metrics import CountAccuracy, counting_loss
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FreshTask

TYPES = 10
"""Number of bracket types, each of which is counted in a symbol stream of its own."""

NOISE = 10
"""Number of different noise characters."""

SYMBOLS = 2 * TYPES + NOISE
"""Number of different symbols in a stream: opening brackets of types 0 to 9, closing brackets, noise, in this order."""

HIGHEST = 9
"""Largest count of open brackets; at this count an opening bracket changes nothing, as a closing one at 0."""


def draw_symbols(sequences: int, steps: int, random: torch.Generator) -> Tensor:
    """Draw symbols: half of them noise, half brackets of any type and either direction.

    Args:
        sequences: Number of sequences.
        steps: Time steps T.
        random: Generator to draw from.

    Returns:
        (sequences, T, TYPES), int64 in [0, SYMBOLS); the last index is the stream.
    """
    drawn = torch.randint(4 * TYPES, (sequences, steps, TYPES), generator=random)
    return torch.where(drawn < SYMBOLS, drawn, drawn - NOISE)  # two of the numbers mean the same noise character


def open_brackets(symbols: Tensor) -> Tensor:
    """Count each stream's open brackets of its own type after the last step; every count stays in [0, HIGHEST].

    In the stream of type `<>` the sequence `(a<a<bcb>[[[)` has one open bracket.

    Args:
        symbols: (sequences, T, TYPES), from `draw_symbols`.

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
    """Compute the exact probability of each count after T steps, (HIGHEST + 1,), float64.

    A count is a Markov chain that starts at 0: a step opens a bracket of the stream's type with probability
    1/(4 · TYPES), and closes one with the same probability.
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
    """Count the open brackets at the end of ten independent streams of noise and brackets, one type per stream.

    The loss is the sum of ten cross-entropies at the last step.

    Raises:
        ValueError: If a field is out of range.

    Example:
        >>> task = Parentheses(steps=20)
        >>> task.input_size, task.output_size, round(task.baseline_loss, 2)
        (300, 100, 8.34)
    """

    name = "parentheses"
    primary_metric = "cross_entropy"
    metric_directions = CountAccuracy.directions
    input_size = TYPES * SYMBOLS
    output_size = TYPES * (HIGHEST + 1)
    evaluation_batch = 500
    draws_by_batch = True  # a sequence takes 14 kB

    steps: int = 175
    """Number T of time steps of a sequence; only the last output is scored."""

    evaluation_samples: int = 5000
    """Number of sequences in the validation set, and in the test set."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minimum(1, steps=self.steps)
        check_memory(steps=self.steps)

    @property
    def baseline_loss(self) -> float:
        """Cross-entropy per sequence, in nats, of predicting the distribution of the ten counts."""
        return TYPES * float(torch.special.entr(count_distribution(self.steps)).sum())

    def draw_samples(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw symbol streams as indices of a multi-hot input, (samples, T, TYPES), and counts, (samples, TYPES)."""
        symbols = draw_symbols(samples, self.steps, random)
        return symbols + SYMBOLS * torch.arange(TYPES), open_brackets(symbols)

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute each sequence's cross-entropy in nats, summed over the ten counts, (batch,)."""
        return counting_loss(self._by_count(predictions), batch.targets)

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the `CountAccuracy` metric: cross-entropy and accuracy of counts and of whole sequences."""
        return CountAccuracy()

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the logits of the last time step and the true counts of a batch to the metric."""
        metric.update(self._by_count(predictions), batch.targets)

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of predicting the distribution of the counts, whatever the sequence."""
        likeliest = float(count_distribution(self.steps).max())
        return {
            "cross_entropy": self.baseline_loss,
            "count_accuracy": likeliest,
            "sequence_accuracy": likeliest**TYPES,
        }

    @staticmethod
    def _by_count(predictions: Tensor) -> Tensor:
        return predictions[:, -1].view(-1, TYPES, HIGHEST + 1)
