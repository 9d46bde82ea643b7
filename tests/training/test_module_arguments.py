from __future__ import annotations

import math
import re
from typing import Any

import pytest

from rnn_capacity.training import RecurrentModule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"hidden_size": None},
            "hidden_size or max_parameters must be given and the other be null, got hidden_size None",
        ),
        ({"max_parameters": 500}, "got hidden_size 4 and max_parameters 500"),
        ({"steps_per_call": 0}, "steps_per_call must be at least 1, got 0"),
        ({"l2": -0.1}, "l2 must be at least 0, got -0.1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"clip_value": 0.0}, "clip_value must be a positive number, got 0"),
        ({"clip_norm": -1.0}, "clip_norm must be a positive number, got -1"),
        ({"clip_norm": math.nan}, "clip_norm must be a positive number, got nan"),
        ({"divergence_factor": 0.0}, "divergence_factor must be a positive number, got 0"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), got 1"),
        ({"hidden_size": None, "max_parameters": 3}, "max_parameters must be at least 13, those of one unit"),
    ],
)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RecurrentModule(**{"hidden_size": 4, "input_size": 8, **arguments})


@pytest.mark.parametrize("cell", ["rnn", "ugrnn", "lstm"])
def test_a_budget_gives_the_most_units_that_fit(cell: str) -> None:
    module = RecurrentModule(cell=cell, max_parameters=1000, input_size=8)
    counted = sum(weight.numel() for weight in module.parameters())
    larger = RecurrentModule(cell=cell, hidden_size=module.hidden_size + 1, input_size=8)
    assert counted == module.parameters_total <= 1000 < larger.parameters_total


def test_weights_depend_on_the_seed_only() -> None:
    first, same, other = (RecurrentModule(hidden_size=4, input_size=8, seed=seed) for seed in (1, 1, 2))
    assert first.network.readout.weight.equal(same.network.readout.weight)
    assert not first.network.readout.weight.equal(other.network.readout.weight)
