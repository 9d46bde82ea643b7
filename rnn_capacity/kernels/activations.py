"""Elementwise activations computed in place, and their gradients computed from the activations' values."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor


class ActivationKernel(NamedTuple):
    """An activation s computed in place, and its gradient computed from s(x) instead of x."""

    in_place: Callable[[Tensor], Tensor]
    """`in_place(x)` overwrites x with s(x)."""

    backward: Callable[..., Tensor]
    """`backward(grad_output, s(x), grad_input=out)` writes grad_output · s'(x) to `out`."""


def tanh_(x: Tensor) -> Tensor:
    """Compute tanh(x) in place.

    Where torch's tanh is slow this is 2 sigmoid(2x) - 1, which in float32 is within 2e-7 of it.
    """
    if x.dtype == torch.float32 and x.device.type == "cpu" and tanh_is_slow():
        return x.mul_(2).sigmoid_().mul_(2).sub_(1)
    return x.tanh_()


@cache
def tanh_is_slow() -> bool:
    """Return whether torch's tanh is several times slower than torch's sigmoid here: True on CPUs not made by Intel.

    The answer depends on the machine alone, so that results do not depend on its load.
    """
    try:
        return "GenuineIntel" not in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return "Intel" not in platform.processor()


def relu_backward(grad_output: Tensor, value: Tensor, *, grad_input: Tensor) -> Tensor:
    """Compute the gradient of ReLU: write grad_output to `grad_input` where relu(x) is positive, else zero."""
    torch.ops.aten.threshold_backward.grad_input(grad_output, value, 0, grad_input=grad_input)
    return grad_input


ACTIVATION_KERNELS: dict[str, ActivationKernel] = {
    "tanh": ActivationKernel(tanh_, torch.ops.aten.tanh_backward.grad_input),
    "relu": ActivationKernel(torch.relu_, relu_backward),
}
"""In-place activation and gradient for each name in `rnn_capacity.cells.base.ACTIVATIONS`."""

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
"""`sigmoid_backward(grad_output, sigmoid(x), grad_input=out)` writes grad_output · sigmoid'(x) to `out`."""
