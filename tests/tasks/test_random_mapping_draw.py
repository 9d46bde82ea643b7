from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
import torch
from torch import Tensor

from rnn_capacity.tasks import RandomMapping


def codes(inputs: Tensor) -> Tensor:
    """Convert each row of bits to one integer; a bit is set where the input is positive."""
    return (inputs > 0).long() @ 2 ** torch.arange(inputs.shape[1])


def test_the_samples_depend_on_the_seed_only() -> None:
    first, labels = RandomMapping(samples=300, seed=5).draw_samples()
    torch.manual_seed(123)
    state = torch.random.get_rng_state()
    again, same_labels = RandomMapping(samples=300, seed=5, steps=9, batch_size=7, show="every").draw_samples()
    assert torch.equal(first, again)
    assert torch.equal(labels, same_labels)
    assert torch.equal(torch.random.get_rng_state(), state)
    others = [RandomMapping(samples=300, seed=seed).draw_samples() for seed in range(5)]
    assert not any(torch.equal(first, inputs) or torch.equal(labels, targets) for inputs, targets in others)


@pytest.mark.parametrize("samples", [1, 127, 128, 129, 250, 255, 256])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_inputs_are_distinct_up_to_all_patterns(samples: int, seed: int) -> None:
    inputs, labels = RandomMapping(samples=samples, input_size=8, seed=seed).draw_samples()
    assert inputs.shape == (samples, 8)
    assert labels.shape == (samples,)
    assert len(set(codes(inputs).tolist())) == samples


@pytest.mark.parametrize("samples", [2, 3])  # drawn again where rows collide, and from a list of all patterns
def test_every_sequence_of_patterns_is_equally_likely(samples: int) -> None:
    trials = 1200
    drawn = Counter(
        tuple(codes(RandomMapping(samples, input_size=2, seed=seed).draw_samples()[0]).tolist())
        for seed in range(trials)
    )
    choices = list(permutations(range(4), samples))
    assert set(drawn) == set(choices)
    expected = trials / len(choices)
    chi_squared = sum((drawn[choice] - expected) ** 2 / expected for choice in choices)
    degrees = len(choices) - 1
    assert chi_squared < degrees + 4 * (2 * degrees) ** 0.5


def test_signed_inputs_are_rescaled_binary_inputs() -> None:
    signed, labels = RandomMapping(samples=500, input_size=12, encoding="signed", seed=3).draw_samples()
    binary, same_labels = RandomMapping(samples=500, input_size=12, encoding="binary", seed=3).draw_samples()
    assert set(binary.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(signed, 2 * binary - 1)
    assert torch.equal(labels, same_labels)


@pytest.mark.parametrize("classes", [2, 5])
def test_bits_and_labels_are_balanced_and_uncorrelated(classes: int) -> None:
    samples = 20_000
    inputs, labels = RandomMapping(samples=samples, input_size=24, classes=classes).draw_samples()
    assert float(inputs.mean(0).abs().max()) < 4.5 * samples**-0.5
    assert float((inputs.T @ inputs / samples - torch.eye(24)).abs().max()) < 5 * samples**-0.5
    for label in range(classes):
        share = float((labels == label).float().mean())
        assert share == pytest.approx(1 / classes, abs=4.5 * (samples * classes) ** -0.5)
        mean = inputs[labels == label].mean(0)
        assert float(mean.abs().max()) < 4.5 * (samples / classes) ** -0.5


@pytest.mark.parametrize(("ratio", "samples"), [(4.0, 2756), (0.1, 69), (2.5, 1722), (1e-9, 1)])
def test_samples_per_parameter_scale_with_the_network_size(ratio: float, samples: int) -> None:
    task = RandomMapping(samples_per_parameter=ratio, seed=4).for_network(689)
    assert task == RandomMapping(samples=samples, seed=4)


def test_given_samples_do_not_depend_on_the_network_size() -> None:
    task = RandomMapping(samples=50, input_size=9, classes=3, steps=2, show="every", loss_from=1, batch_size=4)
    expected = RandomMapping(50, input_size=9, classes=3, steps=2, show="every", loss_from=1, batch_size=4)
    assert task.for_network(10) == task.for_network(1000) == expected
    assert (task.input_size, task.output_size) == (9, 3)
