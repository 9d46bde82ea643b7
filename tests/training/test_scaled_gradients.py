"""L2 penalty and clipping in 16-bit mixed precision act on gradients without the loss scale."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule
from tests.training.conftest import Fit


@pytest.mark.parametrize("limits", [{"clip_norm": 0.02}, {"clip_value": 0.003}, {"l2": 0.05}, {}])
def test_limits_of_the_gradient_act_as_in_float32(fit: Fit, limits: dict[str, Any]) -> None:
    def change(**options: Any) -> Tensor:
        module = RecurrentModule(hidden_size=6, input_size=8, optimizer=partial(SGD, lr=0.5), seed=3, **limits)
        start = parameters_to_vector(module.parameters()).detach().clone()
        fit(module, RandomMapping(samples=40, input_size=8), 20, **options)
        return parameters_to_vector(module.parameters()).detach() - start

    exact, scaled = change(), change(plugins=[MixedPrecision("16-mixed", "cpu")])
    assert float(exact.norm()) > 0.05
    assert float((scaled - exact).norm()) < 0.02 * float(exact.norm())
    assert not torch.equal(scaled, exact)
