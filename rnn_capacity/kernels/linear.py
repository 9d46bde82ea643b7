"""Affine maps W x + b of K networks with stacked weights, and their gradients.

Weights are stacked, (K, out_features, in_features), and the batch is the last dimension of every result, so that the
rows of a gate are contiguous in memory. Inputs of one network only, which all K share, are never copied.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

MANY_NETWORKS = 16
"""Number of networks from which `bmm` is faster on a GPU than a loop over the networks."""


def batched_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply W x + b for K networks, without autograd.

    Args:
        x: (K or 1, in_features, batch), or integers (K or 1, batch, k), the indices of k ones in vectors of zeros.
        weight: W, (K, out_features, in_features).
        bias: b, (K, out_features).

    Returns:
        (K, out_features, batch).
    """
    networks, rows, columns = weight.shape
    if x.is_floating_point():
        return torch.bmm(weight, x.expand(networks, *x.shape[1:])).add_(bias.unsqueeze(-1))
    table = weight.mT.reshape(networks * columns, rows)
    indices = table_indices(x, networks, columns)
    bags = F.embedding_bag(indices.reshape(-1, indices.shape[-1]), table, mode="sum")
    return bags.view(networks, -1, rows).mT.contiguous().add_(bias.unsqueeze(-1))


def batched_linear_backward(x: Tensor, grad_output: Tensor, grad_weight: Tensor, grad_bias: Tensor) -> None:
    """Add the gradients of `batched_linear` with respect to its weights and biases to `grad_weight` and `grad_bias`.

    Args:
        x: As in `batched_linear`.
        grad_output: Gradient of its result, (K, out_features, batch).
        grad_weight: (K, out_features, in_features), changed in place.
        grad_bias: (K, out_features), changed in place.
    """
    grad_bias.add_(grad_output.sum(-1))
    networks, rows, columns = grad_weight.shape
    if x.is_floating_point():
        add_weight_gradient(grad_weight, grad_output, x.expand(networks, -1, -1))
        return
    grad_table = grad_weight.new_zeros(networks * columns, rows)
    grad_rows = grad_output.mT.reshape(-1, rows)
    for indices in table_indices(x, networks, columns).unbind(-1):
        grad_table.index_add_(0, indices.reshape(-1), grad_rows)
    grad_weight.add_(grad_table.view(networks, columns, rows).mT)


def add_weight_gradient(grad_weight: Tensor, grad_output: Tensor, x: Tensor) -> None:
    """Add the gradient of W x with respect to W, which is a sum over the samples, to `grad_weight`.

    Args:
        grad_weight: (K, out_features, in_features), changed in place.
        grad_output: Gradient of W x, (K, out_features, batch).
        x: (K, in_features, batch).
    """
    if not loops_over_networks(len(x), x.device):
        grad_weight.baddbmm_(grad_output, x.mT)
        return
    for total, grad, values in zip(grad_weight.unbind(0), grad_output.unbind(0), x.unbind(0), strict=True):
        total.addmm_(grad, values.mT)


def loops_over_networks(networks: int, device: torch.device) -> bool:
    """Return whether weight gradients are computed in a loop over the networks instead of by one batched product.

    On a GPU `bmm` sums each network's samples on one multiprocessor and `mm` on many, so that a loop is faster for few
    networks.
    """
    return device.type != "cpu" and networks < MANY_NETWORKS


def batched_linear_grad_input(
    x: Tensor, grad_output: Tensor, weight: Tensor, workspace: Tensor | None = None
) -> Tensor:
    """Compute the gradient of `batched_linear` with respect to its input.

    Args:
        x: The input, (K or 1, in_features, batch).
        grad_output: Gradient of the result, (K, out_features, batch).
        weight: W, (K, out_features, in_features).
        workspace: Memory for the result, (K, in_features, batch), or None.

    Returns:
        Of the input's shape.
    """
    product = torch.mul if weight.shape[1] == 1 else torch.bmm
    gradient = product(weight.mT, grad_output, out=workspace)
    return gradient if len(x) == len(weight) else gradient.sum(0, keepdim=True)


def table_indices(indices: Tensor, networks: int, columns: int) -> Tensor:
    """Convert column indices of W into row indices, (K, batch, k), of an embedding table of all K networks' columns."""
    return indices + torch.arange(0, networks * columns, columns, device=indices.device).view(-1, 1, 1)


def recurrent_linear_(projected: Tensor, hidden: Tensor, weight: Tensor) -> Tensor:
    """Add W_h h' to the projected input W_x x + b, in place unless all samples share one projected input.

    Args:
        projected: W_x x + b, (K, rows, batch or 1).
        hidden: h', (K, hidden_size, batch or 1).
        weight: W_h, (K, rows, hidden_size).

    Returns:
        (K, rows, batch).
    """
    if hidden.shape[-1] == 1:
        return projected.add_(torch.bmm(weight, hidden))
    if projected.shape[-1] == 1:
        return torch.bmm(weight, hidden).add_(projected)
    return projected.baddbmm_(weight, hidden)


def recurrent_linear_backward(
    grad_gates: Tensor,
    hidden: Tensor,
    weight: Tensor,
    grad_weight: Tensor,
    grad_hidden: Tensor | None = None,
    workspace: Tensor | None = None,
) -> Tensor:
    """Return the gradient of `recurrent_linear_` with respect to h', and add W_h's gradient to `grad_weight`.

    Args:
        grad_gates: Gradient of the result, (K, rows, batch).
        hidden: h', (K, hidden_size, batch or 1).
        weight: W_h, (K, rows, hidden_size).
        grad_weight: Gradient of W_h, changed in place.
        grad_hidden: Rest of the gradient of h', (K, hidden_size, batch), which may be changed; None is zero.
        workspace: Memory for the result, such as a gradient that was read and is still in the cache, or None.

    Returns:
        The gradient of h', of its shape.
    """
    if hidden.shape[-1] == 1:
        grad_gates = grad_gates.sum(-1, keepdim=True)
        grad_hidden = None if grad_hidden is None else grad_hidden.sum(-1, keepdim=True)
        workspace = None
    add_weight_gradient(grad_weight, grad_gates, hidden)
    if grad_hidden is None:
        return torch.bmm(weight.mT, grad_gates, out=workspace)
    return grad_hidden.baddbmm_(weight.mT, grad_gates)


class LinearOverTime(torch.autograd.Function):
    """Autograd function of `linear_over_time`: W x + b of K networks at every time step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Apply W x + b to each time step."""
        ctx.save_for_backward(x, weight)
        return torch.stack([batched_linear(step, weight, bias) for step in x.unbind(0)])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Compute the gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        grad_weight = torch.zeros_like(weight, memory_format=torch.contiguous_format)
        grad_bias = weight.new_zeros(weight.shape[:2])
        grad_steps = grad_output.contiguous().unbind(0)
        for step, grad_step in zip(x.unbind(0), grad_steps, strict=True):
            batched_linear_backward(step, grad_step, grad_weight, grad_bias)
        if not ctx.needs_input_grad[0]:
            return None, grad_weight, grad_bias
        pairs = zip(x.unbind(0), grad_steps, strict=True)
        return torch.stack([batched_linear_grad_input(*pair, weight) for pair in pairs]), grad_weight, grad_bias


def linear_over_time(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply W x + b of K networks to every time step, with autograd.

    Args:
        x: (time, K or 1, in_features, batch), or integers (time, K or 1, batch, k), the indices of k ones.
        weight: W, (K, out_features, in_features).
        bias: b, (K, out_features).

    Returns:
        (time, K, out_features, batch).
    """
    return cast(Tensor, LinearOverTime.apply(x, weight, bias))  # type: ignore[no-untyped-call]  # torch types it so
