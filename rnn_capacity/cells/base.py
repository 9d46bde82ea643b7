"""The contract of a recurrent cell: one step of one layer."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rnn_capacity.cells.activations import ACTIVATIONS

State = tuple[Tensor, ...]
"""What a cell carries through time: one tensor of shape (batch, hidden_size) per name in `Cell.state_names`."""

Projected = tuple[Tensor, ...]
"""What a cell needs of its input, as computed ahead of the loop; each tensor is (..., features)."""


Saved = tuple[Tensor, ...]
"""What the way back through a step needs of the way there."""

Ahead = tuple[Tensor | None, ...]
"""Gradients to the tensors of a state; None is zero."""


class Cell(nn.Module):
    """One recurrent step, `output, state = cell(inputs, state)`.

    The output goes up the stack and the state goes through time; in most cells the output is the first state
    tensor, in the Intersection RNN it is not. A cell is written as two methods, so that whatever depends on the
    input alone is computed for all time steps at once, outside the loop:

    * `project(inputs)`, the input's part, for any number of leading dimensions;
    * `step(projected, state, mask)`, the recurrent part, for one time step.

    Subclass this to bring a cell of any form. If every gate of the cell is an affine function of input and
    state, subclass `GatedCell` instead and write `step` alone. A subclass keeps the constructor's first two
    arguments, and its output has `hidden_size` features.

    Args:
        input_size: Features m of the input.
        hidden_size: Units n.
        nonlinearity: The function s of the candidate, a name in `nonlinearities`; None is the cell's own, the
            first of them.

    Raises:
        ValueError: If a size is below 1 or the cell has no such nonlinearity.
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)
    """Names of the state's tensors. Each layer learns an initial value for every one of them."""

    nonlinearities: ClassVar[tuple[str, ...]] = ("tanh", "relu")
    """The choices for s (Collins et al. 2017, sec. 1.4), the default first; empty if the cell leaves no choice."""

    equal_sizes: ClassVar[bool] = False
    """Whether the input must have as many features as the cell has units; a stack then projects its input first."""

    takes_indices: ClassVar[bool] = False
    """Whether `project` also takes an input of ones and zeros by the places of its ones."""

    min_network_depth: ClassVar[int] = 1
    """The least depth at which the paper uses the cell as a network."""

    has_gradient: ClassVar[bool] = False
    """Whether the class that writes the step writes its gradient, too: `forward_step` and `backward_step`. Found out
    for every subclass that does not say it: one that changes the step alone is run by the code of its step."""

    passes_input: ClassVar[bool] = False
    """Whether the second part of what `project` makes is the input itself."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "has_gradient" in vars(cls):
            return

        def place(name: str) -> int:
            """Of the class that writes a method, the nearest first."""
            return next((place for place, kind in enumerate(cls.__mro__) if name in vars(kind)), len(cls.__mro__))

        last = max(place("forward_step"), place("backward_step"))
        written = cls.__mro__[last] is not Cell
        cls.has_gradient = written and all(place(name) >= last for name in ("step", "project", "recur"))

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str | None = None) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name}: {size} given, at least 1 needed")
        if nonlinearity is not None and nonlinearity not in self.nonlinearities:
            allowed = ", ".join((*self.nonlinearities, "null (the cell's own)"))
            raise ValueError(f"nonlinearity: {nonlinearity!r} given, {type(self).__name__} takes {allowed}")
        if self.equal_sizes and input_size != hidden_size:
            raise ValueError(
                f"input_size: {input_size} given, {type(self).__name__} needs hidden_size = {hidden_size} features"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.activation = ACTIVATIONS[nonlinearity or (*self.nonlinearities, "tanh")[0]]

    def project(self, inputs: Tensor) -> Projected:
        """The part of the step that depends on the input alone.

        Args:
            inputs: (..., input_size); for a cell with `takes_indices` also integers (..., k), the places of k ones.

        Returns:
            Tensors of shape (..., features), by default the input itself.
        """
        return (inputs,)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Advance the state by one time step.

        Args:
            projected: The result of `project` at this step, each tensor (batch, features) or (1, features).
            state: Tensors (batch, hidden_size), or (1, hidden_size) where all samples share it.
            mask: Recurrent dropout's mask, (batch, hidden_size): multiplies h wherever it enters a matrix product.

        Returns:
            The output, (batch, hidden_size), and the new state.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def input_weights(self) -> tuple[Tensor, Tensor]:
        """W_x, (K, rows, input_size), and b, (K, rows): what the hand-written gradient's cell projects its input by."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient of its own")

    def recurrent_weights(self) -> tuple[Tensor, ...]:
        """The parameters that `step` multiplies states with, as `forward_step` and `backward_step` are given them."""
        return ()

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """`step` for K networks, without autograd; also what `backward_step` needs of it.

        Here and there the batch is innermost, so that a gate is one piece of memory.

        Args:
            projected: W_x x + b, (K, rows, batch), or (K, rows, 1) where all samples share it, which is not to be
                changed; the other may be. With `passes_input` also the input, (K, input_size, batch or 1).
            state: (K, hidden_size, batch), or (K, hidden_size, 1) before the first step; not to be changed.
            weights: Those of `recurrent_weights`, of these networks.

        Returns:
            The output, the new state and what is saved.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradient of its own")

    def backward_step(
        self,
        saved: Saved,
        above: Tensor | None,
        ahead: Ahead,
        projected: Projected,
        weights: tuple[Tensor, ...],
        gradients: tuple[Tensor, ...],
    ) -> Ahead:
        """The way back through `forward_step`.

        Args:
            saved: What `forward_step` saved.
            above: Gradient to the output; None where nothing reads it. Not to be changed.
            ahead: Gradients to the new state, None where nothing reads it; may be changed. Not all None with `above`.
            projected: Filled with the gradients to `forward_step`'s `projected`, (K, features, batch) each.
            weights: Those of `recurrent_weights`, of these networks.
            gradients: Those to the weights are added to these.

        Returns:
            The gradients to the state before, of its shape.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradient of its own")

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """One step from the raw input, (batch, input_size)."""
        return self.step(self.project(inputs), state)

    def input_matrices(self) -> dict[str, Tensor]:
        """Views of the input matrices, (hidden_size, input_size) each, by gate; empty if the cell has none."""
        return {}

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """Views of the recurrent matrices, (hidden_size, hidden_size) each, by gate; empty if the cell has none."""
        return {}

    def biases(self) -> dict[str, Tensor]:
        """Views of the biases, (hidden_size,) each, by gate; empty if the cell has none."""
        return {}

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """Trainable parameters of one cell, its initial state aside; counted on a cell without storage."""
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in cls(input_size, hidden_size).parameters())
