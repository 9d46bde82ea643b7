from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells.base import ACTIVATIONS
from rnn_capacity.kernels import activations
from rnn_capacity.kernels.activations import ACTIVATION_KERNELS, sigmoid_backward

VALUES = torch.cat((torch.linspace(-20, 20, 4001), torch.tensor([1e-30, -1e-30, 1e38, -1e38]), torch.zeros(1)))


@pytest.fixture(params=[True, False], ids=["tanh is slow", "tanh is fast"])
def sigmoid(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(activations, "tanh_is_slow", lambda: request.param)
    return bool(request.param)


def gradient_by_autograd(name: str, values: Tensor, grad_output: Tensor) -> Tensor:
    values = values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(ACTIVATIONS[name](values), values, grad_output)
    return gradient


def test_tanh_in_place_is_tanh_within_float32(sigmoid: bool) -> None:
    exact = VALUES.double().tanh()
    values = VALUES.clone()
    found = ACTIVATION_KERNELS["tanh"].in_place(values)
    assert found.data_ptr() == values.data_ptr()
    assert float((found - exact).abs().max()) < 2e-7
    assert bool((found.abs() <= 1).all())
    if not sigmoid:
        assert torch.equal(found, VALUES.tanh())


def test_tanh_in_place_of_float64_is_that_of_torch(sigmoid: bool) -> None:
    values = VALUES.double()
    assert torch.equal(ACTIVATION_KERNELS["tanh"].in_place(values.clone()), values.tanh())


def test_tanh_in_place_of_infinity_and_nan(sigmoid: bool) -> None:
    found = ACTIVATION_KERNELS["tanh"].in_place(torch.tensor([float("inf"), -float("inf"), float("nan")]))
    assert found[:2].tolist() == [1.0, -1.0]
    assert bool(found[2].isnan())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_are_those_of_autograd(name: str, dtype: torch.dtype, sigmoid: bool) -> None:
    values = torch.linspace(-4, 4, 801).to(dtype)
    grad_output = torch.randn_like(values)
    wanted = gradient_by_autograd(name, values.double(), grad_output.double())
    one = ACTIVATION_KERNELS[name]
    into = torch.full_like(values, 7.0)
    one.backward(grad_output, one.in_place(values.clone()), grad_input=into)
    torch.testing.assert_close(into.double(), wanted, rtol=0, atol=3e-6 if dtype == torch.float32 else 1e-14)
    gradient = grad_output.clone()  # the gradient's own memory may take the result
    one.backward(gradient, one.in_place(values.clone()), grad_input=gradient)
    assert torch.equal(gradient, into)


def test_gradient_of_the_sigmoid() -> None:
    values = torch.linspace(-6, 6, 101, dtype=torch.float64, requires_grad=True)
    grad_output = torch.randn_like(values)
    (wanted,) = torch.autograd.grad(values.sigmoid(), values, grad_output)
    into = torch.empty_like(grad_output)
    sigmoid_backward(grad_output, values.detach().sigmoid(), grad_input=into)
    torch.testing.assert_close(into, wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activation_in_place_is_that_of_the_cells(name: str) -> None:
    values = torch.randn(300, dtype=torch.float64)
    assert torch.equal(ACTIVATION_KERNELS[name].in_place(values.clone()), ACTIVATIONS[name](values))


@pytest.mark.parametrize(
    ("text", "slow"), [("vendor_id : GenuineIntel", False), ("vendor_id : AuthenticAMD", True), ("", True)]
)
def test_tanh_counts_as_slow_on_other_processors_than_intels(
    text: str, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations.Path, "read_text", lambda *_, **__: text)
    assert activations.tanh_is_slow.__wrapped__() is slow
