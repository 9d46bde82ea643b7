from __future__ import annotations

import re
from typing import Any

import pytest

from rnn_capacity.tasks import RandomMapping

OUT_OF_RANGE = [
    ({"samples": 0}, "samples: 0 given, at least 1 needed"),
    ({"input_size": 0}, "input_size: 0 given, at least 1 needed"),
    ({"classes": 1}, "classes: 1 given, at least 2 needed"),
    ({"steps": 0}, "steps: 0 given, at least 1 needed"),
    ({"batch_size": 0}, "batch_size: 0 given, at least 1 needed"),
    ({"seed": -1}, "seed: -1 given, at least 0 needed"),
    ({"samples": 17, "input_size": 4}, "samples: 17 given, 4 input bits (input_size) have 16 distinct patterns"),
    ({"loss_from": 0}, "loss_from: 0 given, a step from 1 to steps = 5 needed"),
    ({"loss_from": 4, "steps": 3}, "loss_from: 4 given, a step from 1 to steps = 3 needed"),
]


@pytest.mark.parametrize(("arguments", "message"), OUT_OF_RANGE)
@pytest.mark.parametrize("kind", [RandomMapping, RandomMapping])
def test_task_and_data_refuse_what_is_out_of_range(kind: type, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(**{"samples": 10, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "samples: None given with samples_per_parameter None; give one"),
        ({"samples": 5, "samples_per_parameter": 2.0}, "samples: 5 given with samples_per_parameter 2.0; give one"),
        ({"samples_per_parameter": 0.0}, "samples_per_parameter: 0 given, a positive number needed"),
        ({"samples_per_parameter": -1.0}, "samples_per_parameter: -1 given, a positive number needed"),
        ({"samples_per_parameter": float("nan")}, "samples_per_parameter: nan given, a positive number needed"),
    ],
)
def test_data_takes_samples_or_their_number_per_parameter(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RandomMapping(**arguments)


def test_more_samples_per_parameter_than_patterns_are_refused_once_the_network_is_known() -> None:
    data = RandomMapping(samples_per_parameter=4.0, input_size=8)
    assert data.for_network(64).samples == 256
    with pytest.raises(ValueError, match="samples: 260 given, 8 input bits"):
        data.for_network(65)


def test_limits_themselves_are_allowed() -> None:
    task = RandomMapping(samples=2, input_size=1, classes=2, steps=1, loss_from=1, batch_size=1, seed=0)
    inputs, labels = task.draw()
    assert sorted(inputs.flatten().tolist()) == [-1.0, 1.0]
    assert set(labels.tolist()) <= {0, 1}
