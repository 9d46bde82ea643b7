"""How networks of one cell run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rnn_capacity import cells
from rnn_capacity.models import RecurrentNetwork, VmappedNetwork, stacked

Together = Callable[[Sequence[RecurrentNetwork]], Any]
"""Makes one module of K networks: its parameters are (K, ...), its outputs (K, batch, ...)."""


def way_together(network: RecurrentNetwork) -> Together | None:
    """How networks like this one run at once; None if they do not.

    This package's cells take stacked weights. A cell from elsewhere is tried out on two networks: its own code on
    stacked weights first, then mapped over them.
    """
    if type(network.stack.cells[0]).__module__.startswith(f"{cells.__name__}."):
        return stacked
    return next((way for way in (stacked, VmappedNetwork) if agrees(way, network)), None)


def agrees(way: Together, network: RecurrentNetwork) -> bool:
    """Whether two networks together give, and learn, what each does alone."""
    other = deepcopy(network)
    weight = next(network.parameters())
    inputs = torch.arange(2 * 3 * 2 * network.stack.input_size, dtype=weight.dtype, device=weight.device).cos()
    inputs = inputs.view(2, 3, 2, network.stack.input_size)
    with torch.no_grad():
        for place, part in enumerate((*other.parameters(), *other.buffers())):
            if part.is_floating_point():
                part.mul_(0.5).add_(0.1 * (1 + place))
    pair = (network, other)
    try:
        alone = torch.stack([one(part, steps=3)[0] for one, part in zip(pair, inputs, strict=True)])
        slopes = [
            torch.autograd.grad(part.square().sum(), list(one.parameters()))
            for one, part in zip(pair, alone, strict=True)
        ]
        both = way(pair)
        with NoNumbers():  # type: ignore[no-untyped-call]  # torch has it so
            outputs, _ = both(inputs, steps=3)
        found = torch.autograd.grad(outputs.square().sum(), list(both.parameters()))
    except Exception:  # whatever code raises that was written for one network, or leaves a parameter out
        return False
    wanted = [torch.stack(parts) for parts in zip(*slopes, strict=True)]
    return outputs.shape == alone.shape and all(
        torch.allclose(one, two, rtol=1e-4, atol=1e-5)
        for one, two in zip((outputs, *found), (alone, *wanted), strict=True)
    )


class NoNumbers(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has it so
    """Refuses to read a number out of a tensor: code that branches by it would branch for all networks at once."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation.

        Raises:
            RuntimeError: If it is `item`.
        """
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a number of several networks' tensor is read")
        return func(*args, **(kwargs or {}))
