"""The functions s of a cell's candidate, with what a hand-written gradient needs."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """An elementwise function whose slope follows from its value."""

    function: Callable[[Tensor], Tensor]
    """s(x), for autograd."""

    in_place: Callable[[Tensor], Tensor]
    """s(x) in place of x."""

    slope: Callable[..., Tensor]
    """`slope(g, s(x), grad_input=out)`: g · s'(x)."""

    def __call__(self, values: Tensor) -> Tensor:
        """s(x)."""
        return self.function(values)


def tanh_(values: Tensor) -> Tensor:
    """tanh(x) in place of x.

    Where tanh is slow it is 2 sigmoid(2x) - 1, which in float32 is within 2e-7 of it.
    """
    if values.dtype == torch.float32 and values.device.type == "cpu" and tanh_is_slow():
        return values.mul_(2).sigmoid_().mul_(2).sub_(1)
    return values.tanh_()


@cache
def tanh_is_slow() -> bool:
    """Whether this is a processor other than Intel's: torch's tanh, MKL's, is several times slower than sigmoid there.

    A fixed answer for a machine, so that its results do not depend on what else it does.
    """
    try:
        return "GenuineIntel" not in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return "Intel" not in platform.processor()


def relu_slope(gradient: Tensor, value: Tensor, *, grad_input: Tensor) -> Tensor:
    """G where s(x) is positive, else 0."""
    torch.ops.aten.threshold_backward.grad_input(gradient, value, 0, grad_input=grad_input)
    return grad_input


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(torch.tanh, tanh_, torch.ops.aten.tanh_backward.grad_input),
    "relu": Activation(torch.relu, torch.relu_, relu_slope),
}
"""The choices for s (Collins et al. 2017, sec. 1.4) by name."""

sigmoid_slope = torch.ops.aten.sigmoid_backward.grad_input
"""`sigmoid_slope(g, sigmoid(x), grad_input=out)`: g · sigmoid'(x)."""
