"""Kronecker factors of a network's curvature, and their eigenvectors.

The curvature of a weight matrix is approximated by the Kronecker product of two matrices (K-FAC, Martens & Grosse
2015): the mean outer product A of the features that the matrix is multiplied with, and the mean outer product G of the
gradients of its products. In the bases of their eigenvectors it is diagonal (George et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.population import Member
from rnn_capacity.tasks import RandomMapping

Factors = dict[str, tuple[Tensor, Tensor]]
"""Matrices G, (rows, rows), and A, (columns, columns), of weight matrices by name."""

FIRST_LAYER = "stack.cells.0.weight_input"
"""Name of the matrix that is multiplied with the input."""


class Products(TorchFunctionMode):
    """Records the features and the result of each product with one of a network's matrices, for all samples.

    Products that are the same for all samples, such as those of an input of zeros, are left out.

    Args:
        network: The network.
        samples: Samples of a batch.
    """

    def __init__(self, network: RecurrentNetwork, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.names = {part.data_ptr(): name for name, part in network.named_parameters() if part.dim() == 2}
        self.found: list[tuple[str, Tensor, Tensor]] = []

    def __torch_function__(self, function: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        """Call a function of torch, and record it if it is a product with a matrix of the network."""
        result = function(*given, **(options or {}))
        place = {F.linear: 0, torch.addmm: 1}.get(function)
        if place is not None and given[place + 1].data_ptr() in self.names:
            features = given[place].flatten(0, -2)
            if len(features) % self.samples == 0:
                self.found.append((self.names[given[place + 1].data_ptr()], features.detach(), result))
        return result


def kronecker_factors(member: Member, exponent: float) -> Factors:
    """Compute the Kronecker factors of the Gauss-Newton matrix of a network with the generalized cross-entropy.

    A sample's part is the gradient of its logit times the root of the loss's curvature p^q p (1 - p), where p is the
    probability of its label.

    Args:
        member: The network with its random mapping, which has two classes and shows the input at the first step.
        exponent: Exponent q of the loss.

    Returns:
        The factors of each matrix whose products depend on the sample.
    """
    network, task = member.module.network, cast(RandomMapping, member.task)
    inputs, labels = task.draw_samples()
    inputs = inputs.to(next(network.parameters()).detach())
    signs = (2 * labels - 1).to(inputs)
    state = [
        tuple(part.expand(len(inputs), -1) for part in layer.detach().unbind(0))
        for layer in network.stack.initial_states
    ]
    with torch.enable_grad(), Products(network, len(inputs)) as products:
        outputs, _ = network(inputs.unsqueeze(1), state, steps=task.steps)
    logits = outputs[:, -1, 0]
    right = torch.sigmoid(logits.detach() * signs)
    roots = (right ** (1 + exponent) * (1 - right)).sqrt()
    slopes = torch.autograd.grad(logits, [result for _, _, result in products.found], roots)
    factors: Factors = {}
    for (name, features, _), slope in zip(products.found, slopes, strict=True):
        rows = slope.flatten(0, -2)
        found = rows.mT @ rows / len(inputs), features.mT @ features / len(inputs)
        before = factors.get(name)
        factors[name] = found if before is None else (before[0] + found[0], before[1] + found[1])
    return factors


def eigenbases(members: Sequence[Member], exponents: Sequence[float]) -> dict[str, tuple[Tensor, Tensor]]:
    """Compute the eigenvectors of the Kronecker factors of several networks of one shape.

    The rows of different gates are taken as independent, and so are the bits of the input, whose columns stay as they
    are.

    Args:
        members: The networks with their tasks.
        exponents: Exponent q of each network's loss.

    Returns:
        Bases of the rows, (K, rows, rows), and of the columns, (K, columns, columns), by name of the matrix.
    """
    found = [kronecker_factors(member, exponent) for member, exponent in zip(members, exponents, strict=True)]
    units = members[0].module.hidden_size
    bases = {}
    for name in found[0]:
        gradients, features = (torch.stack(parts) for parts in zip(*(factors[name] for factors in found), strict=True))
        gate = torch.arange(gradients.shape[-1]) // units
        rows = torch.linalg.eigh(gradients * (gate == gate[:, None])).eigenvectors
        if name == FIRST_LAYER:
            bases[name] = rows, torch.eye(features.shape[-1]).to(features).expand_as(features)
        else:
            bases[name] = rows, torch.linalg.eigh(features).eigenvectors
    return bases
