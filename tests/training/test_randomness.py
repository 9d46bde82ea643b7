from __future__ import annotations

import pytest
import torch

from rnn_capacity.training import generator


def numbers(*arguments: int) -> tuple[int, ...]:
    return tuple(torch.randint(2**31, (4,), generator=generator(*arguments)).tolist())


def test_a_generator_depends_on_its_arguments_only() -> None:
    before = torch.random.get_rng_state()
    first = numbers(3, 1, 4)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert numbers(3, 1, 4) == first


def test_every_seed_and_purpose_gives_different_numbers() -> None:
    arguments = [(seed, purpose, step) for seed in range(10) for purpose in range(10) for step in range(1, 10)]
    assert len({numbers(*each) for each in arguments}) == len(arguments)


def test_purposes_of_different_length_give_different_numbers() -> None:
    arguments = [(5,), (5, 0), (5, 0, 0), (5, 0, 0, 0), (0, 1), (0, 1, 0, 0), (2**32,)]
    assert len({numbers(*each) for each in arguments}) == len(arguments)


def test_numbers_of_neighbouring_seeds_are_uncorrelated() -> None:
    draws = torch.stack([torch.rand(2000, generator=generator(seed, 1)) for seed in range(20)])
    correlations = torch.corrcoef(draws) - torch.eye(20)
    assert float(correlations.abs().max()) < 5 * 2000**-0.5


@pytest.mark.parametrize("arguments", [(-1,), (0, -1), (3, 2, -5)])
def test_negative_numbers_are_rejected(arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"seed must be at least 0, got \(.*-.*\)"):
        generator(*arguments)
