"""Trains a network on the random mapping by the Levenberg-Marquardt method, with one product JᵀWJ a step.

The labels are folded into the margins z_i, a sample's logit times its label of -1 or 1: the sample is right if z_i > 0.
With slopes g and curvatures W of the loss with respect to the margins and their Jacobian J, a step solves
(JᵀWJ + λ diag JᵀWJ) δ = -Jᵀg (Marquardt 1963); λ falls after a step that lowers the loss and rises after one that does
not. Samples whose curvature is small, as that of samples that are learnt well or given up is, are left out of the step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import softplus

from rnn_capacity.population import Member

MarginLoss = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""Function of the margins that returns each sample's loss, its slope and a curvature that is not negative."""

NEGLIGIBLE = 1e-4
"""Share of the largest curvature below which a sample is left out of a step."""

TRIES = 8
"""Values of the damping that are tried in one step."""

PATIENCE = 12
"""Steps without a gain of `GAIN` of the loss after which the training ends."""

GAIN = 1e-3

COLUMNS = 512
"""Columns of the curvature matrix that one product computes."""


def generalized_loss(exponent: float) -> MarginLoss:
    """Return the generalized cross-entropy (1 - p^q)/q of margins, with p^q times the cross-entropy's curvature.

    Args:
        exponent: Exponent q; 0 is the cross-entropy.
    """

    def loss(margins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        nats = softplus(-margins)
        right, wrong = torch.exp(-nats), torch.sigmoid(-margins)
        factor = torch.exp(-exponent * nats)
        values = -torch.expm1(-exponent * nats) / exponent if exponent else nats
        return values, -factor * wrong, factor * right * wrong

    return loss


def squared_hinge(margins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the squared hinge loss max(0, 1 - z)²/2 of margins z, its slopes and its curvatures."""
    lacking = (1 - margins).clamp(min=0)
    return lacking**2 / 2, -lacking, (lacking > 0).to(margins)


class Margins:
    """The margins of a network of any cell on the samples of its random mapping, and their derivatives.

    Args:
        member: The network with its task, which has two classes and shows the input at the first step.
        device: Device of the computation.
    """

    def __init__(self, member: Member, device: torch.device | str = "cpu") -> None:
        task: Any = member.task
        self.device = device
        self.network = member.module.network.to(device)
        shapes = {name: part.shape for name, part in self.network.named_parameters()}
        sizes = [shape.numel() for shape in shapes.values()]
        inputs, labels = task.draw_samples()
        self.inputs = inputs.to(next(self.network.parameters()).detach())
        self.signs = (2 * labels - 1).to(self.inputs)

        def margin(values: Tensor, inputs: Tensor, signs: Tensor) -> Tensor:
            parts = zip(shapes.items(), torch.split(values, sizes), strict=True)
            weights = {name: part.view(shape) for (name, shape), part in parts}
            outputs, _ = functional_call(self.network, weights, (inputs.unsqueeze(1),), {"steps": task.steps})
            return torch.mul(outputs[:, -1, 0], signs)

        def margin_of_one(values: Tensor, inputs: Tensor, sign: Tensor) -> Tensor:
            return margin(values, inputs.unsqueeze(0), sign.unsqueeze(0))[0]

        self.function = margin
        self.gradients = vmap(grad(margin_of_one), (None, 0, 0))

    def get(self) -> Tensor:
        """Return the network's parameters as one vector, (P,)."""
        return torch.nn.utils.parameters_to_vector(self.network.parameters()).detach()

    def set(self, values: Tensor) -> None:
        """Copy a vector to the network's parameters."""
        torch.nn.utils.vector_to_parameters(values, self.network.parameters())

    @torch.no_grad()
    def __call__(self, values: Tensor) -> Tensor:
        """Return the margin of each sample, (b,)."""
        margins: Tensor = self.function(values, self.inputs, self.signs)
        return margins

    def jacobian(self, values: Tensor, rows: Tensor) -> Tensor:
        """Return the derivatives of some samples' margins by the parameters, (rows, P)."""
        jacobian: Tensor = self.gradients(values, self.inputs[rows], self.signs[rows])
        return jacobian


def clock(device: torch.device | str) -> float:
    """Return the seconds that the processor has worked, or those of the wall clock if another device computes."""
    if torch.device(device).type == "cpu":
        return time.process_time()
    torch.get_device_module(device).synchronize()
    return time.perf_counter()


def levenberg_marquardt(
    member: Member,
    losses: Sequence[MarginLoss],
    seconds: float,
    most_steps: int = 1000,
    device: torch.device | str = "cpu",
) -> int:
    """Train a network with one loss after another and return the number of steps made.

    Each loss has an equal share of the seconds that are left, and ends earlier when it stays as it is.

    Args:
        member: The network, which begins from its present weights, with its task.
        losses: The losses of the margins, such as the generalized cross-entropy with rising exponents.
        seconds: Seconds of `clock` after which no step is begun.
        most_steps: Steps with each loss after which it ends in any case.
        device: Device of the computation.
    """
    margins = Margins(member, device)
    values, steps = margins.get(), 0
    end = clock(device) + seconds
    for number, loss in enumerate(losses):
        now = clock(device)
        values, made = minimize(margins, values, loss, now + (end - now) / (len(losses) - number), most_steps)
        steps += made
    margins.set(values)
    return steps


def minimize(margins: Margins, values: Tensor, loss: MarginLoss, end: float, most_steps: int) -> tuple[Tensor, int]:
    """Minimise the mean loss of the margins, beginning from `values`; return the parameters and the steps made."""
    damping, step, stalled = 1e-2, 0, 0
    while step < most_steps and stalled < PATIENCE and clock(margins.device) < end:
        before, slopes, curvatures = loss(margins(values))
        total = before.mean(dtype=torch.float64).item()
        rows = (curvatures > NEGLIGIBLE * curvatures.max()).nonzero().squeeze(1)
        if len(rows) == 0:
            break
        jacobian = margins.jacobian(values, rows)
        slope = slopes[rows] @ jacobian
        jacobian *= curvatures[rows].sqrt()[:, None]
        curvature = product_with_transpose(jacobian)
        step, stalled = step + 1, stalled + 1
        for _ in range(TRIES):
            moved = values - damped_solution(curvature, slope, damping)
            after = loss(margins(moved))[0].mean(dtype=torch.float64).item()
            if after < total:
                stalled = 0 if after < total * (1 - GAIN) else stalled
                values, damping = moved, max(damping / 2, 1e-7)
                break
            damping = min(damping * 3, 1e8)
    return values, step


def product_with_transpose(jacobian: Tensor) -> Tensor:
    """Return the symmetric matrix JᵀJ of the columns of J, of which little more than one half is computed.

    Args:
        jacobian: Matrix J, (b, P).
    """
    product = jacobian.new_empty(jacobian.shape[1], jacobian.shape[1])
    for begin in range(0, len(product), COLUMNS):
        end = begin + COLUMNS
        product[begin:, begin:end] = jacobian[:, begin:].T @ jacobian[:, begin:end]
        product[begin:end, end:] = product[end:, begin:end].T
    return product


def damped_solution(curvature: Tensor, slope: Tensor, damping: float) -> Tensor:
    """Solve (A + λ diag A) δ = g for δ; not a number if the matrix is not positive definite in its precision.

    Args:
        curvature: Matrix A, (P, P).
        slope: Vector g, (P,).
        damping: Damping λ.
    """
    diagonal = curvature.diagonal()
    damped = curvature + torch.diag(damping * (diagonal + 1e-6 * diagonal.max()))
    factor, failed = torch.linalg.cholesky_ex(damped)
    solution = torch.cholesky_solve(slope[:, None], factor)[:, 0]
    return torch.where(failed > 0, torch.nan, solution)
