from __future__ import annotations

import re
from typing import Any

import pytest

from rnn_capacity.tasks import RandomMapping

OUT_OF_RANGE = [
    ({"samples": 0}, "samples must be at least 1, got 0"),
    ({"input_size": 0}, "input_size must be at least 1, got 0"),
    ({"classes": 1}, "classes must be at least 2, got 1"),
    ({"steps": 0}, "steps must be at least 1, got 0"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
    ({"samples": 17, "input_size": 4}, "samples must be at most 2**input_size = 16 distinct patterns, got 17"),
    ({"loss_from": 0}, "loss_from must be in [1, steps = 5], got 0"),
    ({"loss_from": 4, "steps": 3}, "loss_from must be in [1, steps = 3], got 4"),
]


@pytest.mark.parametrize(("arguments", "message"), OUT_OF_RANGE)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RandomMapping(**{"samples": 10, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "samples or samples_per_parameter must be given and the other be null, got samples None"),
        ({"samples": 5, "samples_per_parameter": 2.0}, "got samples 5 and samples_per_parameter 2.0"),
        ({"samples_per_parameter": 0.0}, "samples_per_parameter must be a positive number, got 0"),
        ({"samples_per_parameter": -1.0}, "samples_per_parameter must be a positive number, got -1"),
        ({"samples_per_parameter": float("nan")}, "samples_per_parameter must be a finite number, got nan"),
    ],
)
def test_either_samples_or_samples_per_parameter_must_be_given(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RandomMapping(**arguments)


def test_more_samples_than_patterns_are_rejected_for_the_size_of_the_network() -> None:
    task = RandomMapping(samples_per_parameter=4.0, input_size=8)
    assert task.for_network(64).samples == 256
    with pytest.raises(ValueError, match=r"samples must be at most 2\*\*input_size = 256 distinct patterns, got 260"):
        task.for_network(65)


def test_the_limits_of_each_range_are_allowed() -> None:
    task = RandomMapping(samples=2, input_size=1, classes=2, steps=1, loss_from=1, batch_size=1, seed=0)
    inputs, labels = task.draw_samples()
    assert sorted(inputs.flatten().tolist()) == [-1.0, 1.0]
    assert set(labels.tolist()) <= {0, 1}
