"""Denormal numbers are flushed to zero during training only."""

from __future__ import annotations

import pytest
import torch

from rnn_capacity.population import Member, train
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule
from rnn_capacity.training.denormals import flushed_denormals
from tests.kernel_builds import kernel_build


def half_of_the_least_normal_number() -> float:
    return float(torch.tensor(torch.finfo(torch.float32).tiny) / 2)


@pytest.mark.parametrize("before", [False, True])
def test_denormal_numbers_are_flushed_within_the_context_only(before: bool) -> None:
    torch.set_flush_denormal(before)
    try:
        with flushed_denormals():
            assert half_of_the_least_normal_number() == 0
        assert (half_of_the_least_normal_number() == 0) is before
        with pytest.raises(RuntimeError, match="inside"), flushed_denormals():
            raise RuntimeError("inside")
        assert (half_of_the_least_normal_number() == 0) is before
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("build", ["off", "auto"])
def test_training_a_population_leaves_denormal_numbers_as_they_were(build: str) -> None:
    task = RandomMapping(samples=16, input_size=6)
    with kernel_build(build):
        train([Member(RecurrentModule("rnn", hidden_size=4, input_size=6), task, max_steps=5)])
    assert half_of_the_least_normal_number() > 0
