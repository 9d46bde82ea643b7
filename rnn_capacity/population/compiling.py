"""`torch.compile` where it pays."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TRIED = 5
"""Calls of each that are timed, after two that are not."""


def faster(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that, at its first call, finds out whether its compiled form is faster, and then is the faster one.

    The time of a gradient counts, too. Where torch cannot compile the function, or has no compiler, it stays as it is.

    Args:
        function: Of tensors, to a tensor that has a gradient.
    """
    chosen: list[Callable[..., Tensor]] = []

    def run(*arguments: Any) -> Tensor:
        if not chosen:
            chosen.append(choose(function, arguments))
        return chosen[0](*arguments)

    return run


def choose(function: Callable[..., Tensor], arguments: tuple[Any, ...]) -> Callable[..., Tensor]:
    """The faster of a function and its compiled form."""
    compiled = torch.compile(function)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's own
            taken = [seconds(one, arguments) for one in (function, compiled)]
    except Exception:  # whatever the compiler raises at code that it cannot compile
        return function
    return compiled if taken[1] < taken[0] else function


def seconds(function: Callable[..., Tensor], arguments: tuple[Any, ...]) -> float:
    """The least time of a call with its gradient."""
    taken = []
    for _ in range(2 + TRIED):
        start = time.perf_counter()
        total = function(*arguments).sum()
        torch.autograd.backward(total)
        float(total)  # waits for the device
        taken.append(time.perf_counter() - start)
    return min(taken[2:])
