"""The affine map W x + b of feature vectors, or of multi-hot vectors given by the indices of their ones."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def linear_or_lookup(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply W x + b to feature vectors, or to multi-hot vectors that are given by the indices of their ones.

    Args:
        inputs: Feature vectors (..., in_features) of a floating type; or integers (..., k), the indices of the k ones
            in a vector of zeros, whose columns of W are summed without ever making the vector. An index that occurs
            several times counts as often.
        weight: W, (out_features, in_features).
        bias: b, (out_features,).

    Returns:
        (..., out_features).

    Example:
        >>> import torch
        >>> weight, bias = torch.eye(3), torch.zeros(3)
        >>> linear_or_lookup(torch.tensor([[1, 2]]), weight, bias)
        tensor([[0., 1., 1.]])
        >>> linear_or_lookup(torch.tensor([[0.0, 1.0, 1.0]]), weight, bias)
        tensor([[0., 1., 1.]])
    """
    if inputs.is_floating_point():
        return F.linear(inputs, weight, bias)
    ones = inputs.shape[-1]
    columns = weight.t() + bias if ones == 1 else weight.t()  # with one lookup per vector this is fewer additions
    sums = F.embedding_bag(inputs.reshape(-1, ones), columns.contiguous(), mode="sum")
    return (sums if ones == 1 else sums + bias).view(*inputs.shape[:-1], len(weight))


def multi_hot(indices: Tensor, features: int, like: Tensor) -> Tensor:
    """Build multi-hot vectors from the indices of their ones.

    Args:
        indices: Integers (..., k).
        features: Length of the vectors.
        like: A tensor of their type, on their device.

    Returns:
        (..., features): how often each index occurs.
    """
    zeros = like.new_zeros(*indices.shape[:-1], features)
    return zeros.scatter_add(-1, indices.long(), zeros.new_ones(1).expand(indices.shape))
