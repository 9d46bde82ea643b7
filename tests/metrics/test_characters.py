from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.metrics import UNSCORED, CharacterAccuracy, character_accuracy, nats_per_character


@pytest.fixture
def strings() -> tuple[Tensor, Tensor]:
    """Logits and targets of 30 strings of 9 characters, 1 to 9 of them scored; some are an exact match."""
    random = torch.Generator().manual_seed(2)
    targets = torch.randint(5, (30, 9), generator=random)
    logits = 3 * F.one_hot(targets, 5) + 1.5 * torch.randn(30, 9, 5, generator=random, dtype=torch.float64)
    scored = torch.rand(30, 9, generator=random) < torch.rand(30, 1, generator=random)
    scored[:, 4] = True
    return logits, targets.masked_fill(~scored, UNSCORED)


def by_hand(logits: Tensor, targets: Tensor) -> tuple[list[float], list[float]]:
    nats, accuracies = [], []
    for rows, codes in zip(logits.tolist(), targets.tolist(), strict=True):
        scored = [(row, code) for row, code in zip(rows, codes, strict=True) if code != UNSCORED]
        chances = [math.exp(row[code]) / sum(map(math.exp, row)) for row, code in scored]
        nats.append(-sum(map(math.log, chances)) / len(scored))
        accuracies.append(sum(row[code] == max(row) for row, code in scored) / len(scored))
    return nats, accuracies


def test_nats_and_accuracy_are_means_over_the_scored_characters(strings: tuple[Tensor, Tensor]) -> None:
    nats, accuracies = by_hand(*strings)
    assert nats_per_character(*strings).tolist() == pytest.approx(nats, rel=1e-12)
    assert character_accuracy(*strings).tolist() == pytest.approx(accuracies, rel=1e-6)


def test_logits_of_unscored_characters_do_not_matter(strings: tuple[Tensor, Tensor]) -> None:
    logits, targets = strings
    other = torch.where((targets == UNSCORED).unsqueeze(-1), torch.randn_like(logits), logits).requires_grad_()
    assert torch.equal(nats_per_character(other, targets), nats_per_character(logits, targets))
    assert torch.equal(character_accuracy(other, targets), character_accuracy(logits, targets))
    (gradient,) = torch.autograd.grad(nats_per_character(other, targets).sum(), other)
    assert torch.equal(gradient.abs().sum(-1) == 0, targets == UNSCORED)


@pytest.mark.parametrize("batch", [1, 7, 30])
def test_metrics_weigh_every_string_the_same_in_any_split_into_batches(
    strings: tuple[Tensor, Tensor], batch: int
) -> None:
    nats, accuracies = by_hand(*strings)
    exact = sum(accuracy == 1 for accuracy in accuracies)
    assert 0 < exact < 30
    metric = CharacterAccuracy()
    for logits, targets in zip(*(part.split(batch) for part in strings), strict=True):
        metric.update(logits, targets)
    expected = {"cross_entropy": sum(nats) / 30, "character_accuracy": sum(accuracies) / 30, "exact_match": exact / 30}
    assert metric.compute() == pytest.approx(expected, rel=1e-5)


def test_unequal_parts_of_two_processes_add_up(strings: tuple[Tensor, Tensor]) -> None:
    logits, targets = strings
    parts = [CharacterAccuracy(), CharacterAccuracy()]
    parts[0].update(logits[:4], targets[:4])
    parts[1].update(logits[4:], targets[4:])
    whole = CharacterAccuracy()
    whole.update(logits, targets)
    parts[0].merge_state(parts[1])
    assert parts[0].compute() == pytest.approx(whole.compute(), rel=1e-5)


def test_one_wrong_character_prevents_an_exact_match() -> None:
    targets = torch.tensor([[1, 2, 3], [1, 2, 3], [1, 2, UNSCORED]])
    written = torch.tensor([[1, 2, 3], [1, 0, 3], [1, 2, 0]])
    metric = CharacterAccuracy()
    metric.update(20.0 * F.one_hot(written, 4), targets)
    metrics = metric.compute()
    assert metrics["exact_match"] == pytest.approx(2 / 3)
    assert metrics["character_accuracy"] == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert metrics["cross_entropy"] == pytest.approx(20 / 9, rel=1e-6)


def test_no_character_is_counted_as_unscored() -> None:
    targets = torch.arange(200).unsqueeze(0)
    assert character_accuracy(torch.eye(200).unsqueeze(0), targets).tolist() == [1.0]
    assert nats_per_character(torch.zeros(1, 200, 200), targets).tolist() == pytest.approx([math.log(200)])


def test_equal_logits_cost_the_log_of_the_number_of_characters() -> None:
    targets = torch.tensor([[0, 1, UNSCORED, 11]])
    assert nats_per_character(torch.zeros(1, 4, 12), targets).tolist() == pytest.approx([math.log(12)])
