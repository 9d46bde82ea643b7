from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from rnn_capacity.metrics import CountAccuracy, counting_loss


def test_loss_is_the_sum_of_minus_the_logs_of_each_counts_chance() -> None:
    logits = 2 * torch.randn(20, 3, 4, dtype=torch.float64)
    targets = torch.randint(4, (20, 3))
    by_hand = []
    for sequence, counts in zip(logits.tolist(), targets.tolist(), strict=True):
        chances = [math.exp(row[count]) / sum(map(math.exp, row)) for row, count in zip(sequence, counts, strict=True)]
        by_hand.append(-sum(map(math.log, chances)))
    assert counting_loss(logits, targets).tolist() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("batch", [1, 7, 64, 300])
def test_figures_are_the_shares_right_in_any_split_into_batches(batch: int) -> None:
    targets = torch.randint(4, (300, 3))
    logits = 2.5 * F.one_hot(targets, 4) + torch.randn(300, 3, 4)
    metric = CountAccuracy()
    for part in zip(logits.split(batch), targets.split(batch), strict=True):
        metric.update(*part)
    figures = metric.compute()
    right = [
        [max(range(4), key=row.__getitem__) == count for row, count in zip(sequence, counts, strict=True)]
        for sequence, counts in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert 0 < sum(map(all, right)) < 300
    assert figures["count_accuracy"] == sum(map(sum, right)) / 900
    assert figures["sequence_accuracy"] == sum(map(all, right)) / 300
    assert figures["cross_entropy"] == pytest.approx(float(counting_loss(logits.double(), targets).mean()), rel=1e-5)


def test_all_right_and_all_wrong_and_reset() -> None:
    targets = torch.arange(30).view(10, 3) % 5
    metric = CountAccuracy()
    metric.update(30.0 * F.one_hot(targets, 5), targets)
    assert metric.compute() == pytest.approx(
        {"cross_entropy": 0, "count_accuracy": 1, "sequence_accuracy": 1}, abs=1e-6
    )
    metric.reset()
    metric.update(30.0 * F.one_hot((targets + 1) % 5, 5), targets)
    assert metric.compute() == pytest.approx({"cross_entropy": 90, "count_accuracy": 0, "sequence_accuracy": 0})


def test_one_count_wrong_in_each_sequence_spoils_all_sequences() -> None:
    targets = torch.zeros(8, 4, dtype=torch.int64)
    guesses = targets.clone()
    guesses[torch.arange(8), torch.arange(8) % 4] = 2
    metric = CountAccuracy()
    metric.update(F.one_hot(guesses, 3).float(), targets)
    figures = metric.compute()
    assert (figures["count_accuracy"], figures["sequence_accuracy"]) == (0.75, 0.0)
