from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.kernels import linear
from rnn_capacity.kernels.linear import (
    MANY_NETWORKS,
    batched_linear,
    batched_linear_grad_input,
    linear_over_time,
    loops_over_networks,
)

BATCH, COLUMNS, ROWS, STEPS = 4, 5, 6, 3

SHARED = pytest.mark.parametrize(
    ("networks", "own"), [(1, 1), (3, 3), (3, 1)], ids=["one", "own samples", "shared samples"]
)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def naive(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b for K networks, by one sum; x is (time, K or 1, columns, batch)."""
    x = x.expand(-1, len(weight), -1, -1)
    return torch.einsum("tkcb,krc->tkrb", x, weight) + bias.unsqueeze(-1)


def compare(found: Tensor, wanted: Tensor, leaves: list[Tensor]) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-13, atol=1e-13)
    grad_output = torch.randn_like(wanted)
    for one, two in zip(
        torch.autograd.grad(found, leaves, grad_output), torch.autograd.grad(wanted, leaves, grad_output), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [1, BATCH])
@SHARED
@pytest.mark.parametrize("steps", [1, STEPS])
def test_features_are_multiplied(steps: int, networks: int, own: int, batch: int) -> None:
    x, weight, bias = draw(steps, own, COLUMNS, batch), draw(networks, ROWS, COLUMNS), draw(networks, ROWS)
    compare(linear_over_time(x, weight, bias), naive(x, weight, bias), [x, weight, bias])


@SHARED
def test_gradients_of_networks_multiplied_one_by_one(networks: int, own: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "loops_over_networks", lambda *_: True)
    x, weight, bias = draw(STEPS, own, COLUMNS, BATCH), draw(networks, ROWS, COLUMNS), draw(networks, ROWS)
    compare(linear_over_time(x, weight, bias), naive(x, weight, bias), [x, weight, bias])


@pytest.mark.parametrize(
    ("device", "networks", "one_by_one"), [("cpu", 1, False), ("cuda", 1, True), ("cuda", MANY_NETWORKS, False)]
)
def test_few_networks_loops_over_networks_on_a_gpu(device: str, networks: int, one_by_one: bool) -> None:
    assert loops_over_networks(networks, torch.device(device)) is one_by_one


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@SHARED
@pytest.mark.parametrize("steps", [1, STEPS])
def test_indices_are_looked_up(steps: int, networks: int, own: int, dtype: torch.dtype, count: int) -> None:
    indices = torch.randint(COLUMNS, (steps, own, BATCH, count), dtype=dtype)
    indices[..., 0, :] = 2  # an index that occurs several times counts as often
    weight, bias = draw(networks, ROWS, COLUMNS), draw(networks, ROWS)
    ones = F.one_hot(indices.long(), COLUMNS).sum(-2).double().mT
    compare(linear_over_time(indices, weight, bias), naive(ones, weight, bias), [weight, bias])


@pytest.mark.parametrize(("rows", "columns"), [(1, COLUMNS), (ROWS, 1), (1, 1)])
@pytest.mark.parametrize("own", [1, 3])
def test_weights_with_a_single_row_or_column(own: int, rows: int, columns: int) -> None:
    x, weight, bias = draw(STEPS, own, columns, BATCH), draw(3, rows, columns), draw(3, rows)
    compare(linear_over_time(x, weight, bias), naive(x, weight, bias), [x, weight, bias])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("networks", [1, 3])
def test_the_batch_is_innermost_in_memory(networks: int, transposed: bool) -> None:
    x = draw(STEPS, networks, BATCH, COLUMNS).mT if transposed else draw(STEPS, networks, COLUMNS, BATCH)
    result = linear_over_time(x, draw(networks, ROWS, COLUMNS), draw(networks, ROWS))
    assert result.shape == (STEPS, networks, ROWS, BATCH)
    assert result.is_contiguous()


@pytest.mark.parametrize("own", [1, 3])
def test_gradient_of_the_input(own: int) -> None:
    x, weight, bias = draw(own, COLUMNS, BATCH), draw(3, ROWS, COLUMNS), draw(3, ROWS)
    grad_output = torch.randn(3, ROWS, BATCH, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(weight @ x + bias.unsqueeze(-1), x, grad_output)
    with torch.no_grad():
        found = batched_linear_grad_input(x, grad_output, weight)
        torch.testing.assert_close(batched_linear(x, weight, bias), weight @ x + bias.unsqueeze(-1))
    assert found.shape == x.shape
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_no_gradient_is_made_for_an_input_that_needs_none() -> None:
    x, weight, bias = draw(STEPS, 3, COLUMNS, BATCH).detach(), draw(3, ROWS, COLUMNS), draw(3, ROWS)
    linear_over_time(x, weight, bias).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
