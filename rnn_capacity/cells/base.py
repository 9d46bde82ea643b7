"""Base class of all recurrent cells, which compute one time step of one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from rnn_capacity.checks import check_choice, check_minimum

State = tuple[Tensor, ...]
"""State of a recurrent cell: one tensor (batch, hidden_size) for each name in `Cell.state_names`, e.g. h and c."""

Projected = tuple[Tensor, ...]
"""Tensors that `Cell.project` computes from an input, (..., features) each."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}
"""Functions by name that a cell may use as activation s of its candidate state (Collins et al. 2017, sec. 1.4)."""


class Cell(nn.Module):
    """Base of all recurrent cells: one time step of one layer, `output, state = cell(inputs, state)`.

    The output goes up the stack and the state goes through time; in most cells the output is the first state
    tensor, in the Intersection RNN it is not. A cell has two methods, so that whatever depends on the input alone is
    computed for all time steps at once, outside the loop over time:

    * `project(inputs)`, the input's part, for any number of leading dimensions; by default the input itself;
    * `step(projected, state, mask)`, the recurrent part, for one time step.

    A cell of your own needs `step` alone, and autograd differentiates it. If its gates are affine in input and state,
    subclass `GatedCell` instead. A subclass's constructor begins with `input_size` and `hidden_size`, has the argument
    `nonlinearity` if one may be chosen, and its output has `hidden_size` features.

    Args:
        input_size: Features m of the input.
        hidden_size: Units n.
        nonlinearity: Name of the candidate's activation s, one of the class's `nonlinearities`; None is the first.

    Raises:
        ValueError: If a size is below 1, the cell does not have that nonlinearity, or it needs equal sizes.

    Example:
        >>> import torch
        >>> class Accumulator(Cell):
        ...     def step(self, projected, state, mask=None):
        ...         hidden = 0.5 * state[0] + projected[0]
        ...         return hidden, (hidden,)
        >>> output, state = Accumulator(2, 2)(torch.ones(1, 2), (torch.ones(1, 2),))
        >>> output
        tensor([[1.5000, 1.5000]])
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)
    """Names of the state's tensors, each of which has a learned initial value in every layer."""

    nonlinearities: ClassVar[tuple[str, ...]] = ("tanh", "relu")
    """Names of the activations s to choose from (Collins et al. 2017, sec. 1.4), the default first; empty if the cell
    leaves no choice."""

    equal_sizes: ClassVar[bool] = False
    """Whether the cell requires input_size = hidden_size. `Stack` then projects the network's input to hidden_size
    first."""

    takes_indices: ClassVar[bool] = False
    """Whether `project` also accepts a multi-hot input that is given as the integer indices of the ones."""

    min_network_depth: ClassVar[int] = 1
    """Smallest number of layers of a network of this cell in the paper: 2 for the Intersection RNN, else 1."""

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str | None = None) -> None:
        super().__init__()
        check_minimum(1, input_size=input_size, hidden_size=hidden_size)
        check_choice((*self.nonlinearities, None), **{f"nonlinearity of {type(self).__name__}": nonlinearity})
        if self.equal_sizes and input_size != hidden_size:
            raise ValueError(
                f"input_size must equal hidden_size = {hidden_size} for {type(self).__name__}, got {input_size}"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.nonlinearity = nonlinearity or (*self.nonlinearities, "tanh")[0]
        self.activation = ACTIVATIONS[self.nonlinearity]

    def project(self, inputs: Tensor) -> Projected:
        """Compute the part of a time step that depends on the input alone, such as W_x x + b, for any number of steps.

        Args:
            inputs: (..., input_size); for a cell with `takes_indices` also integers (..., k), the indices of k ones.

        Returns:
            Tensors of shape (..., features), by default the input itself.
        """
        return (inputs,)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute the output and the next state of one time step from the projected input.

        Args:
            projected: The result of `project` at this step, each tensor (batch, features) or (1, features).
            state: Tensors (batch, hidden_size), or (1, hidden_size) where all samples share it.
            mask: Mask of recurrent dropout, (batch, hidden_size): multiplies h wherever it enters a matrix product.

        Returns:
            The output, (batch, hidden_size), and the next state.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")  # a user's cell that forgot it; says which

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance the state by one time step from the raw input, (batch, input_size)."""
        return self.step(self.project(inputs), state)

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """Count the trainable parameters of one cell, without its initial state, without allocating them."""
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in cls(input_size, hidden_size).parameters())
