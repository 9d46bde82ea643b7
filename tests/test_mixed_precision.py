"""Mixed precision: matrix products in bfloat16; weights, state, loss and metrics in float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from rnn_capacity.cells import CELLS, Cell
from rnn_capacity.models import RecurrentNetwork
from tests.own_cell import MinimalGatedUnit
from tests.program import CONFIGS, Runner

Toy = Callable[..., list[str]]

MIXED = "--trainer.precision=bf16-mixed"
ROUNDING = 2**-8
"""Relative error of a bfloat16, to one part in 256."""


@pytest.mark.parametrize("config", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_every_shipped_config_trains_in_mixed_precision_like_in_float32(config: str, runner: Runner, toy: Toy) -> None:
    exact, mixed = runner("fit", *toy(config)), runner("fit", *toy(config), MIXED)
    assert mixed["feasible"]
    metrics = {key: value for key, value in mixed.items() if isinstance(value, float)}
    assert len(metrics) >= 4
    assert all(map(math.isfinite, metrics.values()))
    assert mixed["loss"] != exact["loss"]
    assert mixed["loss"] == pytest.approx(exact["loss"], rel=ROUNDING)


@pytest.mark.parametrize("config", ["random_mapping", "language"])
def test_every_step_of_a_call_uses_the_weights_of_the_step_before(config: str, runner: Runner, toy: Toy) -> None:
    losses = [runner("fit", *toy(config), MIXED, f"--model.steps_per_call={steps}")["loss"] for steps in (1, 20)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("options", [{}, {"layer_norm": True, "residual": True}])
@pytest.mark.parametrize("cell", [*CELLS, MinimalGatedUnit])
@pytest.mark.parametrize("indices", [False, True])
def test_state_outputs_and_gradients_stay_float32(
    cell: str | type[Cell], options: dict[str, bool], indices: bool
) -> None:
    network = RecurrentNetwork(cell, 2, 6, 8, 3, seed=1, **options)
    inputs = torch.randint(6, (16, 3, 1)) if indices else torch.randn(16, 3, 6) / 2
    found = []
    for mixed in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            outputs, state = network(inputs, steps=5)
            again, _ = network(inputs, state)  # from a carried state
        gradients = torch.autograd.grad(again.sum(), list(network.parameters()))
        parts = [part for layer in state for part in layer]
        assert {tensor.dtype for tensor in (outputs, again, *parts, *gradients)} == {torch.float32}
        found.append([outputs, again, *parts, torch.cat([gradient.flatten() for gradient in gradients])])
    for exact, rounded in zip(*found, strict=True):
        assert 0 < float((rounded - exact).detach().norm()) < 10 * ROUNDING * float(exact.detach().norm())
