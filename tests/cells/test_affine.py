from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.cells import affine
from rnn_capacity.cells.affine import samples_back, stacked_affine

BATCH, COLUMNS, ROWS, STEPS = 4, 5, 6, 3


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def ones(places: Tensor) -> Tensor:
    """What places of ones stand for, written out."""
    return F.one_hot(places, COLUMNS).sum(-2).double()


def naive(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b for K networks, by one sum; inputs (..., K or 1, batch, columns)."""
    inputs = inputs.expand(*inputs.shape[:-3], len(weight), *inputs.shape[-2:])
    return torch.einsum("...kbc,krc->...kbr", inputs, weight) + bias.unsqueeze(-2)


def compare(found: Tensor, wanted: Tensor, leaves: list[Tensor]) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-13, atol=1e-13)
    above = torch.randn_like(wanted)
    for one, two in zip(
        torch.autograd.grad((above * found).sum(), leaves),
        torch.autograd.grad((above * wanted).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_one_network() -> None:
    inputs, weight, bias = draw(STEPS, BATCH, COLUMNS), draw(ROWS, COLUMNS), draw(ROWS)
    compare(affine(inputs, weight, bias), inputs @ weight.mT + bias, [inputs, weight, bias])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_network_looks_places_up(count: int) -> None:
    places = torch.randint(COLUMNS, (STEPS, BATCH, count))
    places[0, 0] = 2  # one place several times counts as often
    weight, bias = draw(ROWS, COLUMNS), draw(ROWS)
    compare(affine(places, weight, bias), ones(places) @ weight.mT + bias, [weight, bias])


@pytest.mark.parametrize("batch", [1, BATCH])
@pytest.mark.parametrize(("members", "own"), [(1, 1), (3, 3), (3, 1)], ids=["one", "own samples", "shared samples"])
@pytest.mark.parametrize("steps", [(), (1,), (STEPS,)], ids=["no time", "one step", "steps"])
def test_several_networks(steps: tuple[int, ...], members: int, own: int, batch: int) -> None:
    inputs, weight, bias = draw(*steps, own, batch, COLUMNS), draw(members, ROWS, COLUMNS), draw(members, ROWS)
    compare(affine(inputs, weight, bias), naive(inputs, weight, bias), [inputs, weight, bias])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize(("members", "own"), [(1, 1), (3, 3), (3, 1)], ids=["one", "own samples", "shared samples"])
@pytest.mark.parametrize("steps", [(), (1,), (STEPS,)], ids=["no time", "one step", "steps"])
def test_several_networks_look_places_up(
    steps: tuple[int, ...], members: int, own: int, dtype: torch.dtype, count: int
) -> None:
    places = torch.randint(COLUMNS, (*steps, own, BATCH, count), dtype=dtype)
    places[..., 0, :] = 2  # one place several times counts as often
    weight, bias = draw(members, ROWS, COLUMNS), draw(members, ROWS)
    compare(affine(places, weight, bias), naive(ones(places.long()), weight, bias), [weight, bias])


@pytest.mark.parametrize(("rows", "columns"), [(1, COLUMNS), (ROWS, 1), (1, 1)])
@pytest.mark.parametrize("own", [1, 3])
def test_a_single_row_or_column(own: int, rows: int, columns: int) -> None:
    inputs, weight, bias = draw(own, BATCH, columns), draw(3, rows, columns), draw(3, rows)
    compare(affine(inputs, weight, bias), naive(inputs, weight, bias), [inputs, weight, bias])


@pytest.mark.parametrize("members", [1, 3])
def test_the_batch_is_innermost_in_memory(members: int) -> None:
    result = affine(draw(STEPS, members, BATCH, COLUMNS), draw(members, ROWS, COLUMNS), draw(members, ROWS))
    assert result.shape == (STEPS, members, BATCH, ROWS)
    assert result.stride()[-2] == 1
    assert result[0].mT.is_contiguous()


@pytest.mark.parametrize("own", [1, 3])
def test_gradient_to_samples_that_lie_batch_last(own: int) -> None:
    samples, weight, bias = draw(own, COLUMNS, BATCH), draw(3, ROWS, COLUMNS), draw(3, ROWS)
    above = torch.randn(3, ROWS, BATCH, dtype=torch.float64)
    (wanted,) = torch.autograd.grad((above * (weight @ samples + bias.unsqueeze(-1))).sum(), samples)
    with torch.no_grad():
        found = samples_back(samples, above, weight)
        torch.testing.assert_close(stacked_affine(samples, weight, bias), weight @ samples + bias.unsqueeze(-1))
    assert found.shape == samples.shape
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_no_gradient_is_made_for_samples_that_need_none() -> None:
    inputs, weight, bias = draw(3, BATCH, COLUMNS).detach(), draw(3, ROWS, COLUMNS), draw(3, ROWS)
    affine(inputs, weight, bias).sum().backward()
    assert inputs.grad is None
    assert weight.grad is not None
