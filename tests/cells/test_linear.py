from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.cells import linear_or_lookup
from rnn_capacity.cells.linear import multi_hot

BATCH, COLUMNS, ROWS, STEPS = 4, 5, 6, 3


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def compare(found: Tensor, wanted: Tensor, leaves: list[Tensor]) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-13, atol=1e-13)
    grad_output = torch.randn_like(wanted)
    for one, two in zip(
        torch.autograd.grad(found, leaves, grad_output), torch.autograd.grad(wanted, leaves, grad_output), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_features_are_multiplied() -> None:
    inputs, weight, bias = draw(STEPS, BATCH, COLUMNS), draw(ROWS, COLUMNS), draw(ROWS)
    compare(linear_or_lookup(inputs, weight, bias), inputs @ weight.mT + bias, [inputs, weight, bias])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_indices_are_looked_up(count: int) -> None:
    indices = torch.randint(COLUMNS, (STEPS, BATCH, count))
    indices[0, 0] = 2  # an index that occurs several times counts as often
    weight, bias = draw(ROWS, COLUMNS), draw(ROWS)
    ones = F.one_hot(indices, COLUMNS).sum(-2).double()
    compare(linear_or_lookup(indices, weight, bias), ones @ weight.mT + bias, [weight, bias])


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_multi_hot_counts_each_index(dtype: torch.dtype) -> None:
    indices = torch.randint(COLUMNS, (STEPS, BATCH, 3), dtype=dtype)
    found = multi_hot(indices, COLUMNS, like=torch.empty(0, dtype=torch.float64))
    assert found.dtype == torch.float64
    assert torch.equal(found, F.one_hot(indices.long(), COLUMNS).sum(-2).double())
