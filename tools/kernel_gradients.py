"""Muon, SOAP, AdEMAMix, Adam in K-FAC's bases and Adam with gradient noise, with the compiled kernel's gradients.

The kernel runs networks forward and backward; it makes a step of rate 0 and leaves the gradients in the momentum of its
SGD. The update rules are batched over the networks here: Muon (Jordan 2024) orthogonalises the momentum of matrices,
SOAP (Vyas et al. 2024) is Adam in the eigenbases of the matrices' two gradient covariances, and a third is Adam in the
eigenbases of tools/kronecker_factors.py. Vectors, such as biases, are left to Adam in these. AdEMAMix (Pagliardini et
al. 2024) adds a second, slower mean of the gradients to Adam's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from kronecker_factors import eigenbases
from torch import Tensor
from torch.optim import SGD

from rnn_capacity.population import Member
from rnn_capacity.training import FixedTask, learning_rates
from rnn_capacity.training.fixed import FixedBatchSource
from rnn_capacity.training.kernel_support import kernel_for
from rnn_capacity.training.kernel_training import KernelData, KernelTrainer, KernelTraining

Betas = tuple[float, float]
"""Decay of the running means of gradients and of their squares."""

EPS = 1e-8
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of Muon's iteration, five of which orthogonalise a matrix roughly."""

SLOW_BETA, SLOW_MULTIPLE = 0.995, 3.0
"""Decay of AdEMAMix's slower mean of the gradients, and the multiple of it that is added to the first."""

BASIS_STEPS = 200
"""Optimizer steps between two computations of the eigenbases of K-FAC's factors."""

POWER_STEPS = 20
"""Optimizer steps between two power iterations of SOAP's eigenbases."""


class Adam:
    """Adam's direction, by running means of the gradients and of their squares, for parameters (K, ...)."""

    def __init__(self, like: Tensor, betas: Betas) -> None:
        self.first, self.second, self.made = torch.zeros_like(like), torch.zeros_like(like), 0
        self.betas, self.scale = betas, torch.ones_like(like)

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the direction of the next step."""
        self.made += 1
        self.first.lerp_(gradient, 1 - self.betas[0])
        self.second.mul_(self.betas[1]).addcmul_(gradient, gradient, value=1 - self.betas[1])
        first, second = (float(1 - beta**self.made) for beta in self.betas)
        self.scale = (self.second / second).sqrt_().add_(EPS)
        return self.first.div(first).div_(self.scale)


class AdEMAMix:
    """AdEMAMix's direction: Adam's with a multiple of a slower mean of the gradients added to the first.

    Args:
        like: Parameters, (K, ...).
        betas: Decays of the first mean of the gradients and of the mean of their squares.
        rising: Steps in which the multiple rises linearly from 0 to `SLOW_MULTIPLE`.
    """

    def __init__(self, like: Tensor, betas: Betas, rising: int) -> None:
        self.adam, self.slow, self.rising = Adam(like, betas), torch.zeros_like(like), rising

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the direction of the next step."""
        multiple = SLOW_MULTIPLE * min(1.0, self.adam.made / self.rising)
        self.slow.lerp_(gradient, 1 - SLOW_BETA)
        direction = self.adam(gradient)
        return direction.add_((self.slow * multiple).div_(self.adam.scale))


class Muon:
    """Muon's direction: the orthogonalised Nesterov momentum, of an entry's root mean square of 0.2, (K, n, m)."""

    def __init__(self, like: Tensor, betas: Betas) -> None:
        self.momentum = torch.zeros_like(like)

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the direction of the next step."""
        self.momentum.lerp_(gradient, 0.05)
        one = gradient.lerp(self.momentum, 0.95)
        wide = one.shape[-2] <= one.shape[-1]
        one = one if wide else one.mT
        norm: Tensor = torch.linalg.matrix_norm(one, keepdim=True)
        one = one / (norm + 1e-20)
        a, b, c = NEWTON_SCHULZ
        for _ in range(5):
            gram = one @ one.mT
            one = a * one + (b * gram + c * gram @ gram) @ one
        return (one if wide else one.mT) * (0.2 * math.sqrt(max(one.shape[-2:])))


class AdamInBases:
    """Adam's direction in given orthonormal bases of a matrix's rows and columns, for the matrices of K networks.

    Adam divides single entries by the root of their mean square, which suits bases in which the curvature is diagonal.

    Args:
        like: The matrices, (K, rows, columns).
        betas: Decay of the running means of the gradients and of their squares.
    """

    def __init__(self, like: Tensor, betas: Betas) -> None:
        self.betas = betas
        self.momentum, self.second, self.made = torch.zeros_like(like), torch.zeros_like(like), 0
        self.left, self.right = (
            torch.eye(size).to(like).repeat(len(like), 1, 1) for size in (like.shape[1], like.shape[2])
        )

    def set_bases(self, left: Tensor, right: Tensor) -> None:
        """Change the bases, and the mean squared gradients to those of gradients with independent components.

        Args:
            left: Basis of the rows, (K, rows, rows), a vector in each column.
            right: Basis of the columns, (K, columns, columns).
        """
        self.second = (left.mT @ self.left).square() @ self.second @ (self.right.mT @ right).square()
        self.left, self.right = left, right

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the direction of the next step."""
        self.made += 1
        first, second = self.betas
        self.momentum.lerp_(gradient, 1 - first)
        turned = self.left.mT @ gradient @ self.right
        self.second.mul_(second).addcmul_(turned, turned, value=1 - second)
        scale = (self.second / (1 - second**self.made)).sqrt_().add_(EPS)
        direction = (self.left.mT @ self.momentum @ self.right).div_(scale)
        return self.left @ direction @ self.right.mT / (1 - first**self.made)


class Soap:
    """SOAP's direction: Adam's in the eigenbases of the gradients' covariances of rows and columns, (K, n, m)."""

    def __init__(self, like: Tensor, betas: Betas) -> None:
        self.adam = AdamInBases(like, betas)
        self.covariances = [like.new_zeros(len(like), size, size) for size in like.shape[1:]]

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the direction of the next step."""
        adam, made = self.adam, self.adam.made
        for covariance, product in zip(self.covariances, (gradient @ gradient.mT, gradient.mT @ gradient), strict=True):
            covariance.lerp_(product, 0.05 if made else 1.0)
        if made == 0:
            adam.left, adam.right = (torch.linalg.eigh(covariance).eigenvectors for covariance in self.covariances)
        elif made % POWER_STEPS == 0:
            pairs = zip(self.covariances, (adam.left, adam.right), strict=True)
            adam.left, adam.right = (torch.linalg.qr(covariance @ basis).Q for covariance, basis in pairs)
        return adam(gradient)


RULES: dict[str, Any] = {"adam": Adam, "muon": Muon, "soap": Soap, "kfac": AdamInBases}
"""Update rules of matrices by name, but for AdEMAMix, which is one of vectors, too."""


def train_by_gradients(members: Sequence[Member], rule: str, noise: float = 0.0) -> None:
    """Train networks of one shape together by an update rule, with the members' rates, betas and loss.

    Args:
        members: The members; their own optimizers, which are torch's Adam, only give the learning rates and betas.
        rule: Name of the update rule.
        noise: Root mean square of the noise that is added to a gradient, relative to the gradient's own; it falls with
            the learning rate.
    """
    first = members[0]
    task, network = cast(FixedTask, first.task), first.module.network
    library = kernel_for(network, task, first.optimizer)
    if library is None:
        raise ValueError("members must be ones that the compiled kernel trains, got others")
    rates = torch.stack([cast(Tensor, learning_rates(one.optimizer, one.schedule, one.max_steps)) for one in members])
    trainings = []
    for member in members:
        own = cast(FixedTask, member.task)
        data = KernelData(cast(FixedBatchSource, own.batch_source(torch.device("cpu"), torch.float32)), library)
        still = SGD(member.module.network.parameters(), lr=1.0)
        exponents = own.loss_exponents(member.max_steps)
        trainings.append(
            KernelTraining(member.module, still, own, data, torch.zeros(member.max_steps).double(), exponents)
        )
    values = torch.stack([training.values for training in trainings])
    gradients = torch.zeros_like(values)
    for training, value, gradient in zip(trainings, values, gradients, strict=True):
        training.values, training.states[0] = value, gradient
    trainer = KernelTrainer(library, network, task)
    betas = first.optimizer.param_groups[0]["betas"]
    parts, begin = {}, 0
    for name, part in network.named_parameters():
        matrix = min(part.shape, default=1) > 1 and part.dim() == 2
        shape = part.shape if matrix else torch.Size([part.numel()])
        view = partial(reshaped, span=slice(begin, begin + part.numel()), shape=shape)
        if rule == "ademamix":
            direction: Any = AdEMAMix(view(values), betas, rising=max(1, first.max_steps // 2))
        else:
            direction = (RULES[rule] if matrix else Adam)(view(values), betas)
        parts[name] = view, direction
        begin += part.numel()
    random = torch.Generator().manual_seed(0)
    for step in range(first.max_steps):
        if rule == "kfac" and step % BASIS_STEPS == 0:
            now = [float(cast(Tensor, training.exponents)[step]) for training in trainings]
            for name, bases in eigenbases(members, now).items():
                _, direction = parts[name]
                if isinstance(direction, AdamInBases):
                    direction.set_bases(*bases)
        trainer.make_steps(trainings, 1)
        rate = rates[:, step].float()
        if noise:
            scale = gradients.square().mean(1).sqrt() * (noise * rate / rates[:, 0].float())
            gradients += torch.randn(gradients.shape, generator=random) * scale.unsqueeze(1)
        for view, direction in parts.values():
            moved = view(values)
            moved.sub_(direction(view(gradients)) * rate.view(-1, *[1] * (moved.dim() - 1)))
    for training, value in zip(trainings, values, strict=True):
        torch.nn.utils.vector_to_parameters(value, training.parameters)


def reshaped(rows: Tensor, span: slice, shape: torch.Size) -> Tensor:
    """Return one parameter of K networks as a view of their rows of parameters, (K, *shape)."""
    return cast(Tensor, rows[:, span].unflatten(1, shape))  # type: ignore[no-untyped-call]  # of torch
