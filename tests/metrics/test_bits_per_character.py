from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rnn_capacity.metrics import BitsPerCharacter


@pytest.fixture
def answers() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(8)
    return 2 * torch.randn(12, 7, 5, generator=random), torch.randint(5, (12, 7), generator=random)


def bits_by_hand(logits: Tensor, targets: Tensor) -> float:
    bits = []
    for row, target in zip(logits.flatten(0, 1).tolist(), targets.flatten().tolist(), strict=True):
        bits.append(-math.log2(math.exp(row[target]) / sum(map(math.exp, row))))
    return sum(bits) / len(bits)


def test_bits_are_the_mean_negative_log2_of_the_softmax(answers: tuple[Tensor, Tensor]) -> None:
    metric = BitsPerCharacter()
    metric.update(*answers)
    assert metric.compute() == {"bits_per_character": pytest.approx(bits_by_hand(*answers), rel=1e-6)}


@pytest.mark.parametrize("symbols", [2, 27])
def test_equal_logits_cost_log2_of_the_number_of_symbols(symbols: int) -> None:
    metric = BitsPerCharacter()
    metric.update(torch.zeros(3, 4, symbols), torch.ones(3, 4, dtype=torch.int64))
    assert metric.compute()["bits_per_character"] == pytest.approx(math.log2(symbols), rel=1e-6)


@pytest.mark.parametrize("cuts", [[1], [3, 5], [11], range(1, 12)])
def test_metrics_do_not_depend_on_the_split_into_batches(answers: tuple[Tensor, Tensor], cuts: list[int]) -> None:
    logits, targets = answers
    metric = BitsPerCharacter()
    for begin, end in zip([0, *cuts], [*cuts, 12], strict=True):
        steps = 1 + begin % 6  # and the steps of a batch in two parts
        for part in (slice(None, steps), slice(steps, None)):
            metric.update(logits[begin:end, part], targets[begin:end, part])
    assert int(metric.characters) == 84
    assert metric.compute()["bits_per_character"] == pytest.approx(bits_by_hand(logits, targets), rel=1e-6)


def test_the_excess_is_measured_from_the_entropy_rate(answers: tuple[Tensor, Tensor]) -> None:
    metric = BitsPerCharacter(entropy_rate=1.25)
    metric.update(*answers)
    bits = bits_by_hand(*answers)
    assert metric.compute() == pytest.approx(
        {"bits_per_character": bits, "entropy_rate": 1.25, "excess_bits_per_character": bits - 1.25}, rel=1e-5
    )


def test_a_long_sum_keeps_the_digits_that_float32_would_lose() -> None:
    targets = torch.zeros(10, 1, dtype=torch.int64)
    batches = [torch.tensor([0.0, 0.3, gain]).expand(10, 1, 3) for gain in (0.1, 0.7, -1.3)]
    metric = BitsPerCharacter()
    expected, naive = 0.0, torch.tensor(0.0)
    costs = [torch.nn.functional.cross_entropy(batch[:, 0], targets[:, 0], reduction="sum") for batch in batches]
    for step in range(20_001):
        metric.update(batches[step % 3], targets)
        expected += float(costs[step % 3])
        naive = naive + costs[step % 3]
    assert abs(float(naive) / expected - 1) > 1e-5
    bits = expected / math.log(2) / 200_010
    assert metric.compute()["bits_per_character"] == pytest.approx(bits, rel=1e-7)


def test_processes_add_up_their_sums(answers: tuple[Tensor, Tensor]) -> None:
    logits, targets = answers
    shares = [BitsPerCharacter(), BitsPerCharacter()]
    for share, part in zip(shares, (slice(None, 3), slice(3, None)), strict=True):
        share.update(logits[part], targets[part])
    sums = {id(getattr(shares[0], name)): getattr(shares[1], name) for name in ("nats", "characters")}
    shares[0].sync(dist_sync_fn=lambda own, group: [own, sums[id(own)]], distributed_available=lambda: True)
    assert int(shares[0].characters) == 84
    merged = float(shares[0].nats.sum()) / math.log(2) / int(shares[0].characters)
    assert merged == pytest.approx(bits_by_hand(logits, targets), rel=1e-6)
    assert merged != pytest.approx(bits_by_hand(logits[:3], targets[:3]), rel=1e-3)
    shares[0].unsync()
    assert shares[0].compute()["bits_per_character"] == pytest.approx(bits_by_hand(logits[:3], targets[:3]), rel=1e-6)


def test_a_process_without_a_batch_adds_nothing(answers: tuple[Tensor, Tensor]) -> None:
    metric = BitsPerCharacter()
    metric.update(*answers)
    alone = metric.compute()
    metric.merge_state(BitsPerCharacter())
    assert metric.compute() == alone


def test_reset_removes_earlier_batches(answers: tuple[Tensor, Tensor]) -> None:
    metric = BitsPerCharacter()
    metric.update(torch.zeros(5, 5, 5), torch.zeros(5, 5, dtype=torch.int64))
    metric.reset()
    metric.update(*answers)
    assert metric.compute()["bits_per_character"] == pytest.approx(bits_by_hand(*answers), rel=1e-6)
