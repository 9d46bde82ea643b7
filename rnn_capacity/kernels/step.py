"""Base class of the hand-written forward and backward time steps of a cell, for K networks with stacked weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, cast

from torch import Tensor

from rnn_capacity.cells import Cell, Projected, State
from rnn_capacity.kernels.activations import ACTIVATION_KERNELS

Saved = tuple[Tensor, ...]
"""Tensors saved by `StepKernel.forward_step` for `StepKernel.backward_step`."""

GradState = tuple[Tensor | None, ...]
"""Gradients of a cell's state, one for each state tensor; None is zero."""


class BackwardArguments(NamedTuple):
    """Arguments of `StepKernel.backward_step`; the batch is the last dimension.

    Example:
        >>> import torch
        >>> from rnn_capacity.cells import RNNCell
        >>> from rnn_capacity.kernels import step_kernel
        >>> kernel = step_kernel(RNNCell(input_size=3, hidden_size=2))
        >>> projected, hidden, weight = torch.ones(5, 2, 7), torch.zeros(5, 2, 7), torch.zeros(5, 2, 2)  # K = 5
        >>> output, _, saved = kernel.forward_step((projected.clone(),), (hidden,), (weight,))
        >>> grad_projected = torch.empty(5, 2, 7)
        >>> grad_state = kernel.backward_step(
        ...     BackwardArguments(
        ...         saved=saved,
        ...         grad_output=torch.ones(5, 2, 7),
        ...         grad_state=(None,),
        ...         weights=(weight,),
        ...         grad_weights=(torch.zeros_like(weight),),
        ...         grad_projected=(grad_projected,),
        ...     )
        ... )
        >>> torch.allclose(grad_projected, 1 - output.square())  # the slope of tanh
        True
    """

    saved: Saved
    """Tensors that `forward_step` saved at this time step."""

    grad_output: Tensor | None
    """Gradient of the step's output, (K, hidden_size, batch), not to be changed; None if no loss depends on it."""

    grad_state: GradState
    """Gradients of the step's new state, (K, hidden_size, batch) each, which may be changed; None where no loss
    depends on it. `grad_output` and these are never all None."""

    weights: tuple[Tensor, ...]
    """Recurrent weights W_h, the same tensors that `forward_step` got."""

    grad_weights: tuple[Tensor, ...]
    """Gradients of the recurrent weights, to which `backward_step` adds in place."""

    grad_projected: Projected
    """Tensors that `backward_step` overwrites with the gradients of W_x x + b (`projected`), (K, features, batch)
    each."""


class StepKernel(ABC):
    """Base of the hand-written forward and backward steps of a cell, for K networks with stacked weights.

    A kernel computes what the cell's `step` does, without autograd, and its gradient. The networks are the first
    dimension of every tensor and the batch is the last, so that the rows of a gate are contiguous in memory.

    Args:
        cell: A cell of the networks; has their hidden size and nonlinearity.

    Example:
        >>> import torch
        >>> from rnn_capacity.cells import RNNCell
        >>> from rnn_capacity.kernels import step_kernel
        >>> kernel = step_kernel(RNNCell(input_size=3, hidden_size=2))
        >>> isinstance(kernel, StepKernel)
        True
        >>> projected, hidden, weight = torch.ones(5, 2, 7), torch.zeros(5, 2, 7), torch.zeros(5, 2, 2)  # K = 5
        >>> output, state, saved = kernel.forward_step((projected,), (hidden,), (weight,))
        >>> torch.allclose(output, torch.ones(5, 2, 7).tanh())
        True
    """

    recurrent_weights: ClassVar[tuple[str, ...]] = ("weight_recurrent",)
    """Names of the cell's recurrent weights, the parameters that multiply the state in a step."""

    reads_input: ClassVar[bool] = False
    """Whether the step reads the raw input x in addition to W_x x + b."""

    def __init__(self, cell: Cell) -> None:
        self.hidden_size = cell.hidden_size
        self.activation = ACTIVATION_KERNELS[cell.nonlinearity]
        self.nonlinearity = cell.nonlinearity

    @abstractmethod
    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """Advance the states of K networks by one time step.

        Args:
            projected: W_x x + b, (K, rows, batch), which may be changed, or (K, rows, 1) where all samples share it,
                not to be changed. With `reads_input` also the input, (K, input_size, batch or 1), not to be changed.
            state: (K, hidden_size, batch), or (K, hidden_size, 1) before the first step; not to be changed.
            weights: The parameters named in `recurrent_weights`, each with K in front.

        Returns:
            The output, (K, hidden_size, batch), the new state, and the tensors saved for `backward_step`.
        """

    @abstractmethod
    def backward_step(self, arguments: BackwardArguments) -> GradState:
        """Compute the gradients of one time step with respect to projected input, recurrent weights and previous state.

        Args:
            arguments: See `BackwardArguments`; `grad_projected` is filled and `grad_weights` are added to.

        Returns:
            The gradients of the state that `forward_step` got, of its shape.
        """


def sum_gradients(grad_output: Tensor | None, grad_state: Tensor | None) -> Tensor:
    """Add the gradients that reach h as output and as state, in place of `grad_state`; one of the two may be None."""
    if grad_output is None or grad_state is None:
        return cast(Tensor, grad_state if grad_output is None else grad_output)
    return grad_state.add_(grad_output)
