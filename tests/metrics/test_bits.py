from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
import torch

from rnn_capacity.metrics import bits_per_parameter, stored_bits


def entropy(shares: list[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)


@pytest.mark.parametrize("correct", [50, 51, 60, 75, 89, 99, 100])
def test_two_classes_match_eq_21_and_22(correct: int) -> None:
    p = correct / 100
    mutual_information = 100 + 100 * (p * math.log2(p) + ((1 - p) * math.log2(1 - p) if p < 1 else 0.0))
    assert stored_bits(correct, 100) == pytest.approx(mutual_information, rel=1e-13, abs=1e-11)


def test_seven_of_eight_correct_matches_a_calculation_by_hand() -> None:
    # 8 + 8 (7/8 log2 7/8 + 1/8 log2 1/8) = 8 - 7 (3 - 2.807354922) - 3
    assert stored_bits(7, 8) == pytest.approx(3.651484454, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 5, 27])
@pytest.mark.parametrize("correct", [45, 46, 70, 89, 90])
def test_several_classes_give_the_information_of_a_symmetric_channel(correct: int, classes: int) -> None:
    accuracy = correct / 90
    answers = [accuracy] + [(1 - accuracy) / (classes - 1)] * (classes - 1)
    expected = 90 * (math.log2(classes) - entropy(answers))
    assert stored_bits(correct, 90, classes) == pytest.approx(expected, rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_an_accuracy_of_one_stores_the_whole_entropy_of_the_labels(classes: int) -> None:
    assert stored_bits(1000, 1000, classes) == pytest.approx(1000 * math.log2(classes), rel=1e-15)


@pytest.mark.parametrize("classes", range(2, 16))
def test_an_accuracy_of_chance_or_below_stores_nothing(classes: int) -> None:
    samples = 30
    for correct in range(samples // classes + 1):
        assert 0 <= stored_bits(correct, samples, classes) < 1e-12
    assert stored_bits(samples // classes + 1, samples, classes) > 0


def test_bits_increase_with_every_further_correct_sample() -> None:
    bits = [stored_bits(correct, 200, 4) for correct in range(50, 201)]
    assert all(before < after for before, after in pairwise(bits))


def test_bits_of_two_equal_halves_add_up_to_the_bits_of_the_whole() -> None:
    assert stored_bits(90, 100) + stored_bits(90, 100) == pytest.approx(stored_bits(180, 200), rel=1e-14)


def test_bits_match_the_mutual_information_of_simulated_answers() -> None:
    classes, samples = 3, 200_000
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (samples,), generator=random)
    slips = torch.randint(1, classes, (samples,), generator=random)
    wrong = torch.rand(samples, generator=random) < 0.2
    answers = torch.where(wrong, (labels + slips) % classes, labels)
    joint = torch.bincount(labels * classes + answers, minlength=classes**2).double().view(classes, classes) / samples
    independent = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    information = float((joint * (joint / independent).log2()).sum())
    correct = int((answers == labels).sum())
    assert stored_bits(correct, samples, classes) / samples == pytest.approx(information, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "samples must be at least 1, got 0"),
        ((5, 4), "correct must be in [0, samples = 4], got 5"),
        ((-1, 4), "correct must be in [0, samples = 4], got -1"),
        ((1, 4, 1), "classes must be at least 2, got 1"),
    ],
)
def test_counts_out_of_range_are_rejected(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        stored_bits(*arguments)


def test_bits_per_parameter_is_a_quotient_and_rejects_zero_parameters() -> None:
    assert bits_per_parameter(300.0, 200) == 1.5
    with pytest.raises(ValueError, match="parameters must be at least 1, got 0"):
        bits_per_parameter(300.0, 0)
