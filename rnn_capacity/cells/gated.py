"""Cells whose every gate is an affine function of the input and the state."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from rnn_capacity.cells.base import Cell, Projected
from rnn_capacity.cells.linear import linear_or_lookup
from rnn_capacity.checks import check_choice


class GatedCell(Cell):
    """Base of cells with G gates W_x x + W_h h' + b, one bias per gate (Collins et al. 2017, sec. 1.4).

    A subclass names its gates and writes `step`. The rows of `weight_input`, `weight_recurrent` and `bias` hold the
    gates one after another, in the order of `gates`.

    Args:
        input_size: Features m of the input.
        hidden_size: Units n.
        nonlinearity: Name of the candidate's activation s, one of the class's `nonlinearities`; None is the first.
        b_fg: Added inside the gates named in `forget_gates` (sec. 1.4): a number for all of them, or one per gate
            name. A hyperparameter, not a parameter; cells without such a gate (RNN, IRNN) ignore it.

    Raises:
        ValueError: If a size is below 1, the cell does not have that nonlinearity, or `b_fg` names a gate that is not
            in `forget_gates`.

    Example:
        >>> import torch
        >>> class Leaky(GatedCell):
        ...     gates = ("candidate",)
        ...
        ...     def step(self, projected, state, mask=None):
        ...         (hidden,) = state
        ...         candidate = self.recur(projected[0], hidden, self.weight_recurrent, mask)
        ...         hidden = 0.9 * hidden + 0.1 * self.activation(candidate)
        ...         return hidden, (hidden,)
        >>> cell = Leaky(input_size=3, hidden_size=4)
        >>> output, (hidden,) = cell(torch.zeros(2, 3), (torch.zeros(2, 4),))
        >>> output.shape
        torch.Size([2, 4])
        >>> Leaky.parameter_count(3, 4)  # G(n² + n·m + n)
        32
    """

    gates: ClassVar[tuple[str, ...]]
    """Names of the gates, candidate included, in the order of their rows in the weight matrices."""

    forget_gates: ClassVar[tuple[str, ...]] = ()
    """Names of the gates to whose pre-activation the forget-gate bias `b_fg` is added; empty for cells without one."""

    recurrent_kinds: ClassVar[tuple[str, ...]] = ("orthogonal", "normal", "identity")
    """Initialisations of the recurrent matrices that the paper allows for this cell; the first is the default."""

    takes_indices = True

    takes_bias: ClassVar[bool] = True
    """Whether `Initialization` may set the biases to other values than zero."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
    ) -> None:
        if not getattr(self, "gates", ()):
            raise ValueError(f"cell must name its gates, got {type(self).__name__} without gates")
        super().__init__(input_size, hidden_size, nonlinearity)
        rows = len(self.gates) * hidden_size
        self.weight_input = nn.Parameter(torch.empty(rows, input_size))
        self.weight_recurrent = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows))
        self.gate_offset: Tensor
        self.register_buffer("gate_offset", torch.zeros(rows), persistent=False)
        for gate, offset in self._offsets(b_fg).items():
            start = self.gates.index(gate) * hidden_size
            self.gate_offset[start : start + hidden_size] = offset
        self.reset_parameters()

    def _offsets(self, b_fg: float | dict[str, float]) -> dict[str, float]:
        """Return the forget-gate bias b_fg as a dictionary from gate name to value."""
        if not isinstance(b_fg, dict):
            return dict.fromkeys(self.forget_gates, b_fg)
        if not self.forget_gates:
            return {}
        for gate in b_fg:
            check_choice(self.forget_gates, **{f"gate in b_fg of {type(self).__name__}": gate})
        return b_fg

    def reset_parameters(self) -> None:
        """Draw every matrix from N(0, 1)/sqrt(columns) and set the biases to zero (sec. 1.2, unit scale)."""
        with torch.no_grad():
            for matrix in (*self.input_matrices().values(), *self.recurrent_matrices().values()):
                matrix.normal_(0.0, matrix.shape[1] ** -0.5)
            self.bias.zero_()

    def project(self, inputs: Tensor) -> Projected:
        """Compute W_x x + b (+ b_fg) of all gates, (..., G * hidden_size)."""
        return (linear_or_lookup(inputs, self.weight_input, self.bias + self.gate_offset),)

    @staticmethod
    def recur(projected: Tensor, hidden: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
        """Compute the pre-activations of all gates from their input part: projected + W_h (mask · h').

        Args:
            projected: (batch or 1, rows).
            hidden: h', (batch or 1, hidden_size).
            weight: W_h, (rows, hidden_size).
            mask: (batch, hidden_size), or None.

        Returns:
            (batch, rows), of the state's type: under autocast the product alone is made with fewer bits, too few for
            the sums by which a gate close to 1 keeps its state.
        """
        if mask is not None:
            hidden = hidden * mask
        if projected.shape[-2] not in (1, hidden.shape[-2]):
            return projected + hidden @ weight.t()
        return torch.addmm(projected, hidden, weight.t()).to(hidden.dtype)

    def input_matrices(self) -> dict[str, Tensor]:
        """Return views of the input matrices W_x by gate name, (hidden_size, input_size) each."""
        return dict(zip(self.gates, self.weight_input.chunk(len(self.gates)), strict=True))

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """Return views of the recurrent matrices W_h by gate name, (hidden_size, hidden_size) each."""
        return dict(zip(self.gates, self.weight_recurrent.chunk(len(self.gates)), strict=True))

    def biases(self) -> dict[str, Tensor]:
        """Return views of the biases b by gate name, (hidden_size,) each."""
        return dict(zip(self.gates, self.bias.chunk(len(self.gates)), strict=True))

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """Count G(n² + n·m + n) parameters of one cell, without its initial state (Collins et al. 2017, sec. 1.2)."""
        return len(cls.gates) * hidden_size * (hidden_size + input_size + 1)
