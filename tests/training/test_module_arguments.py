from __future__ import annotations

import math
import re
from typing import Any

import pytest

from rnn_capacity.tasks import RandomMappingModule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_size": None}, "hidden_size: None given with max_parameters None; give one"),
        ({"max_parameters": 500}, "hidden_size: 4 given with max_parameters 500; give one"),
        ({"steps_per_call": 0}, "steps_per_call: 0 given, at least 1 needed"),
        ({"l2": -0.1}, "l2: -0.1 given, at least 0 needed"),
        ({"seed": -1}, "seed: -1 given, at least 0 needed"),
        ({"clip_value": 0.0}, "clip_value: 0 given, a positive number needed"),
        ({"clip_norm": -1.0}, "clip_norm: -1 given, a positive number needed"),
        ({"clip_norm": math.nan}, "clip_norm: nan given, a positive number needed"),
        ({"divergence_factor": 0.0}, "divergence_factor: 0 given, a positive number needed"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), got 1"),
        ({"hidden_size": None, "max_parameters": 3}, "max_parameters must be at least 13, those of one unit"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RandomMappingModule(**{"hidden_size": 4, "input_size": 8, **arguments})


@pytest.mark.parametrize("cell", ["rnn", "ugrnn", "lstm"])
def test_budget_gives_the_most_units_that_fit(cell: str) -> None:
    module = RandomMappingModule(cell=cell, max_parameters=1000, input_size=8)
    held = sum(weight.numel() for weight in module.parameters())
    larger = RandomMappingModule(cell=cell, hidden_size=module.hidden_size + 1, input_size=8)
    assert held == module.parameters_total <= 1000 < larger.parameters_total


def test_weights_depend_on_the_seed_alone() -> None:
    first, same, other = (RandomMappingModule(hidden_size=4, input_size=8, seed=seed) for seed in (1, 1, 2))
    assert first.network.readout.weight.equal(same.network.readout.weight)
    assert not first.network.readout.weight.equal(other.network.readout.weight)
