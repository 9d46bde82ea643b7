"""W x + b, for the weights of one network or of several."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

Affine = tuple[Tensor, Tensor]
"""W and b."""


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b, where x is given by its features or by the places of its ones.

    The weights of K networks, stacked, are applied to the samples of each. Their result lies in memory with the batch
    innermost, so that a gate is one piece and not a strip of every row.

    Args:
        inputs: (..., columns) of a floating type, or integers (..., k): the columns of k ones in an x of zeros, looked
            up and summed without ever making x. For stacked weights (..., K or 1, batch, columns or k).
        weight: W, (rows, columns), or (K, rows, columns).
        bias: b, (rows,), or (K, rows).

    Returns:
        (..., rows); for stacked weights (..., K, batch, rows).
    """
    if weight.dim() == 3:
        if inputs.dim() == 3:
            return cast(Tensor, StackedAffine.apply(inputs, weight, bias))  # type: ignore[no-untyped-call]  # torch has it so
        if len(inputs) == 1:  # no copies
            return affine(inputs.squeeze(0), weight, bias).unsqueeze(0)
        return torch.stack([affine(step, weight, bias).mT for step in inputs.unbind(0)]).mT
    if inputs.is_floating_point():
        return F.linear(inputs, weight, bias)
    bags = inputs.reshape(-1, inputs.shape[-1])
    return (F.embedding_bag(bags, weight.t(), mode="sum") + bias).view(*inputs.shape[:-1], len(weight))


class StackedAffine(torch.autograd.Function):
    """`stacked_affine` with its gradient.

    Autograd's own would copy samples that the networks share, and take long for the product of a column and a row.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """(K, batch, rows)."""
        samples = inputs.mT if inputs.is_floating_point() else inputs
        ctx.save_for_backward(samples, weight)
        return stacked_affine(samples, weight, bias).mT

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Gradients to inputs, weight and bias."""
        samples, weight = ctx.saved_tensors
        above = above.mT.contiguous()
        to_weight = torch.zeros_like(weight, memory_format=torch.contiguous_format)
        to_bias = to_weight.new_zeros(weight.shape[:2])
        stacked_affine_back(samples, above, to_weight, to_bias)
        return samples_back(samples, above, weight).mT if ctx.needs_input_grad[0] else None, to_weight, to_bias


def stacked_affine(samples: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b of K networks, (K, rows, batch); autograd sees none of it.

    Args:
        samples: (K or 1, columns, batch), or integers (K or 1, batch, k).
        weight: (K, rows, columns).
        bias: (K, rows).
    """
    members, rows, columns = weight.shape
    if samples.is_floating_point():
        return torch.bmm(weight, samples.expand(members, *samples.shape[1:])).add_(bias.unsqueeze(-1))
    table = weight.mT.reshape(members * columns, rows)  # the members' columns one after another
    places = in_table(samples, members, columns)
    bags = F.embedding_bag(places.reshape(-1, places.shape[-1]), table, mode="sum")
    return bags.view(members, -1, rows).mT.contiguous().add_(bias.unsqueeze(-1))


def stacked_affine_back(samples: Tensor, above: Tensor, to_weight: Tensor, to_bias: Tensor) -> None:
    """Add the gradients to weights and biases, given those to `stacked_affine`'s result, (K, rows, batch)."""
    to_bias.add_(above.sum(-1))
    members, rows, columns = to_weight.shape
    if samples.is_floating_point():
        to_weight.baddbmm_(above, samples.mT.expand(members, -1, -1))
        return
    table = to_weight.new_zeros(members * columns, rows)
    values = above.mT.reshape(-1, rows)
    for places in in_table(samples, members, columns).unbind(-1):
        table.index_add_(0, places.reshape(-1), values)
    to_weight.add_(table.view(members, columns, rows).mT)


def samples_back(samples: Tensor, above: Tensor, weight: Tensor, room: Tensor | None = None) -> Tensor:
    """The gradient to `stacked_affine`'s samples, of their shape; in `room`, (K, columns, batch), if that is given."""
    product = torch.mul if weight.shape[1] == 1 else torch.bmm
    gradient = product(weight.mT, above, out=room)
    return gradient if len(samples) == len(weight) else gradient.sum(0, keepdim=True)


def in_table(places: Tensor, members: int, columns: int) -> Tensor:
    """Places of ones as rows of a table that holds the members' columns one after another, (K, batch, k)."""
    return places + torch.arange(0, members * columns, columns, device=places.device).view(-1, 1, 1)
