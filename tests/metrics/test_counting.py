from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from rnn_capacity.metrics import CountAccuracy, counting_loss


def test_the_loss_sums_the_negative_log_probabilities_of_the_counts() -> None:
    logits = 2 * torch.randn(20, 3, 4, dtype=torch.float64)
    targets = torch.randint(4, (20, 3))
    by_hand = []
    for sequence, counts in zip(logits.tolist(), targets.tolist(), strict=True):
        chances = [math.exp(row[count]) / sum(map(math.exp, row)) for row, count in zip(sequence, counts, strict=True)]
        by_hand.append(-sum(map(math.log, chances)))
    assert counting_loss(logits, targets).tolist() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("batch", [1, 7, 64, 300])
def test_accuracies_do_not_depend_on_the_split_into_batches(batch: int) -> None:
    targets = torch.randint(4, (300, 3))
    logits = 2.5 * F.one_hot(targets, 4) + torch.randn(300, 3, 4)
    metric = CountAccuracy()
    for part in zip(logits.split(batch), targets.split(batch), strict=True):
        metric.update(*part)
    metrics = metric.compute()
    correct = [
        [max(range(4), key=row.__getitem__) == count for row, count in zip(sequence, counts, strict=True)]
        for sequence, counts in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert 0 < sum(map(all, correct)) < 300
    assert metrics["count_accuracy"] == sum(map(sum, correct)) / 900
    assert metrics["sequence_accuracy"] == sum(map(all, correct)) / 300
    assert metrics["cross_entropy"] == pytest.approx(float(counting_loss(logits.double(), targets).mean()), rel=1e-5)


def test_all_counts_correct_then_after_reset_all_wrong() -> None:
    targets = torch.arange(30).view(10, 3) % 5
    metric = CountAccuracy()
    metric.update(30.0 * F.one_hot(targets, 5), targets)
    assert metric.compute() == pytest.approx(
        {"cross_entropy": 0, "count_accuracy": 1, "sequence_accuracy": 1}, abs=1e-6
    )
    metric.reset()
    metric.update(30.0 * F.one_hot((targets + 1) % 5, 5), targets)
    assert metric.compute() == pytest.approx({"cross_entropy": 90, "count_accuracy": 0, "sequence_accuracy": 0})


def test_one_wrong_count_makes_the_whole_sequence_wrong() -> None:
    targets = torch.zeros(8, 4, dtype=torch.int64)
    guesses = targets.clone()
    guesses[torch.arange(8), torch.arange(8) % 4] = 2
    metric = CountAccuracy()
    metric.update(F.one_hot(guesses, 3).float(), targets)
    metrics = metric.compute()
    assert (metrics["count_accuracy"], metrics["sequence_accuracy"]) == (0.75, 0.0)
