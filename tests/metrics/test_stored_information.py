from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.metrics import StoredInformation, stored_bits

SAMPLES = 400


def answers(classes: int, scale: float = 1.0, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits that favour the correct label, (samples, 1 or classes), and labels."""
    random = torch.Generator().manual_seed(2)
    targets = torch.randint(classes, (SAMPLES,), generator=random)
    logits = F.one_hot(targets, classes) + noise * torch.randn(SAMPLES, classes, generator=random)
    if classes == 2:
        logits = logits[:, 1:] - logits[:, :1]
    return scale * logits, targets


def compute(logits: Tensor, targets: Tensor, classes: int, batch: int = SAMPLES) -> dict[str, float]:
    metric = StoredInformation(parameters=200, classes=classes)
    for some_logits, some_targets in zip(logits.split(batch), targets.split(batch), strict=True):
        metric.update(some_logits, some_targets)
    return metric.compute()


def best_bits(logits: Tensor, targets: Tensor) -> float:
    """Likelihood bits at the best temperature of a fine search, in float64."""
    scores = torch.cat((torch.zeros_like(logits), logits), 1) if logits.shape[1] == 1 else logits
    betas = torch.logspace(-4, 4, 4001, base=2.0, dtype=torch.float64).view(-1, 1, 1)
    likelihoods = torch.log_softmax(betas * scores.double(), -1)[:, range(len(targets)), targets].sum(1)
    return len(targets) * math.log2(scores.shape[1]) + float(likelihoods.max()) / math.log(2)


@pytest.mark.parametrize("classes", [2, 4])
def test_accuracy_and_stored_bits_follow_from_the_likeliest_class(classes: int) -> None:
    logits, targets = answers(classes)
    guesses = (logits.squeeze(1) > 0).long() if classes == 2 else logits.max(1).indices
    correct = sum(int(guess == target) for guess, target in zip(guesses, targets, strict=True))
    metrics = compute(logits, targets, classes)
    assert SAMPLES / classes < correct < SAMPLES
    assert metrics["accuracy"] == correct / SAMPLES
    assert metrics["stored_bits"] == stored_bits(correct, SAMPLES, classes)
    assert metrics["bits_per_parameter"] == metrics["stored_bits"] / 200
    assert metrics["likelihood_bits_per_parameter"] == metrics["likelihood_bits"] / 200


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("batch", [1, 7, 200, 399])
def test_metrics_do_not_depend_on_the_split_into_batches(batch: int, classes: int) -> None:
    logits, targets = (part[: 50 * batch] for part in answers(classes))
    assert compute(logits, targets, classes, batch) == pytest.approx(compute(logits, targets, classes), rel=2e-6)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_the_fitted_temperature_is_close_to_the_best_and_no_worse_than_one(scale: float, classes: int) -> None:
    logits, targets = answers(classes, scale)
    bits = compute(logits, targets, classes)["likelihood_bits"]
    scores = torch.cat((torch.zeros_like(logits), logits), 1) if classes == 2 else logits
    plain = SAMPLES * math.log2(classes) - float(F.cross_entropy(scores, targets, reduction="sum")) / math.log(2)
    best = best_bits(logits, targets)
    assert best > 20
    assert bits >= plain - 1e-3
    assert bits == pytest.approx(best, rel=1e-3)
    assert bits <= best + 1e-3


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
@pytest.mark.parametrize("noise", [0.3, 1.0, 2.0])
def test_likelihood_bits_do_not_depend_on_the_scale_of_the_logits(noise: float, factor: float) -> None:
    logits, targets = answers(4, noise=noise)
    bits = compute(logits, targets, 4)["likelihood_bits"]
    assert compute(factor * logits, targets, 4)["likelihood_bits"] == pytest.approx(bits, rel=1e-3)


def test_a_single_logit_gives_the_metrics_of_two_logits() -> None:
    column, targets = answers(2)
    shifted = torch.cat((torch.full_like(column, 0.7), column + 0.7), dim=1)
    assert compute(column, targets, 2) == pytest.approx(compute(shifted, targets, 2), rel=1e-5)


def test_confident_correct_answers_store_all_bits_and_reset_removes_them() -> None:
    targets = torch.arange(40) % 4
    metric = StoredInformation(parameters=10, classes=4)
    metric.update(20.0 * F.one_hot(targets, 4), targets)
    assert metric.compute() == pytest.approx(
        {
            "accuracy": 1.0,
            "stored_bits": 80.0,
            "bits_per_parameter": 8.0,
            "likelihood_bits": 80.0,
            "likelihood_bits_per_parameter": 8.0,
        }
    )
    metric.reset()
    metric.update(20.0 * F.one_hot((targets + 1) % 4, 4), targets)
    assert metric.compute() == pytest.approx(dict.fromkeys(metric.compute(), 0.0))


def test_uninformative_logits_store_nothing_at_the_best_temperature() -> None:
    random = torch.Generator().manual_seed(3)
    logits, targets = torch.randn(20_000, 1, generator=random), torch.randint(2, (20_000,), generator=random)
    assert compute(logits, targets, 2, 20_000)["likelihood_bits"] < 5


def test_the_temperatures_are_spaced_evenly_by_three_percent_from_a_32nd_to_32() -> None:
    betas = StoredInformation(parameters=1).inverse_temperatures.tolist()
    assert (len(betas), betas[0], betas[-1]) == (235, pytest.approx(1 / 32), pytest.approx(32))
    assert [after / before for before, after in pairwise(betas)] == pytest.approx([1.0301] * 234, rel=1e-4)


def test_likelihood_bits_of_huge_logits_are_finite() -> None:
    metric = StoredInformation(parameters=2)
    metric.update(torch.tensor([[2e37], [-2e37]]), torch.tensor([1, 0]))
    assert metric.compute()["likelihood_bits"] == 2.0
