"""The L2 penalty and the clipping of gradients, one network at a time and several together."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rnn_capacity.training import GradientLimits, TrainingRule

RULES = [
    TrainingRule(),
    TrainingRule(l2=0.5),
    TrainingRule(clip_value=0.7),
    TrainingRule(clip_norm=0.9),
    TrainingRule(clip_norm=30.0),
    TrainingRule(l2=0.5, clip_value=0.7, clip_norm=0.9),
    TrainingRule(clip_value=math.inf, clip_norm=math.inf),
]


def by_hand(rule: TrainingRule, gradient: list[float], parameters: list[float]) -> list[float]:
    limited = [one + rule.l2 * parameter for one, parameter in zip(gradient, parameters, strict=True)]
    if rule.clip_value is not None:
        limited = [min(max(one, -rule.clip_value), rule.clip_value) for one in limited]
    norm = math.sqrt(sum(one**2 for one in limited))
    if rule.clip_norm is not None and norm > rule.clip_norm:
        limited = [one * rule.clip_norm / (norm + 1e-6) for one in limited]
    return limited


def test_each_network_is_limited_by_its_own_rule() -> None:
    gradients, parameters = torch.randn(2, len(RULES), 5, dtype=torch.float64)
    rows = zip(RULES, gradients.tolist(), parameters.tolist(), strict=True)
    expected = [by_hand(rule, gradient, values) for rule, gradient, values in rows]
    GradientLimits(RULES, gradients).apply(gradients, parameters)
    assert gradients.tolist() == [pytest.approx(row, rel=1e-12) for row in expected]


def test_a_network_without_a_limit_keeps_an_infinite_gradient() -> None:
    gradients = torch.tensor([[math.inf, 1.0], [3.0, 4.0]])
    GradientLimits([TrainingRule(), TrainingRule(clip_norm=1.0)], gradients).apply(gradients, torch.zeros(2, 2))
    assert gradients[0].tolist() == [math.inf, 1.0]
    assert float(gradients[1].norm()) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("like", [torch.zeros(1, dtype=torch.float16), torch.zeros(1, device="meta")], ids=str)
def test_the_constants_have_the_type_and_device_of_the_gradients(like: torch.Tensor) -> None:
    limits = GradientLimits([TrainingRule(l2=0.1, clip_value=0.2, clip_norm=0.3)] * 2, like)
    for constant in (limits.l2, limits.clip_value, limits.clip_norm):
        assert constant is not None
        assert (constant.shape, constant.dtype, constant.device) == ((2, 1), like.dtype, like.device)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_parameters_of_a_module_are_limited_as_one_row(rule: TrainingRule) -> None:
    parts = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in ((2, 2), (3,), (2,))]
    for part in parts[:2]:
        part.grad = torch.randn_like(part)
    flat = [
        torch.cat([tensor.flatten() for tensor in tensors]).tolist()
        for tensors in ([part.grad for part in parts if part.grad is not None], [part.detach() for part in parts[:2]])
    ]
    expected = by_hand(rule, *flat)
    GradientLimits([rule], parts[0]).apply_to_module(parts)
    limited = [part.grad for part in parts if part.grad is not None]
    assert torch.cat([gradient.flatten() for gradient in limited]).tolist() == pytest.approx(expected, rel=1e-12)
    assert [gradient.shape for gradient in limited] == [(2, 2), (3,)]
    assert not any(gradient.requires_grad for gradient in limited)


def test_a_module_without_gradients_is_left_alone() -> None:
    part = nn.Parameter(torch.ones(2))
    GradientLimits([TrainingRule(l2=1.0)], part).apply_to_module([part])
    assert part.grad is None
