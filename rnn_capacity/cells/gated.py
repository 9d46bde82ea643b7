"""Cells whose every gate is an affine function of the input and the state."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from rnn_capacity.cells.affine import affine
from rnn_capacity.cells.base import Cell, Projected


def total(above: Tensor | None, ahead: Tensor | None) -> Tensor:
    """The gradient to a state that is also the output; one of the two may be None. The second may be changed."""
    if above is None or ahead is None:
        return cast(Tensor, ahead if above is None else above)
    return ahead.add_(above)


class GatedCell(Cell):
    """A cell with G gates W_x x + W_h h' + b, one bias per gate (Collins et al. 2017, sec. 1.4).

    A subclass names its gates and writes `step`. The rows of `weight_input`, `weight_recurrent` and `bias` hold the
    gates one after another, in the order of `gates`.

    Args:
        input_size: Features m of the input.
        hidden_size: Units n.
        nonlinearity: The function s of the candidate, a name in `nonlinearities`; None is the cell's own.
        b_fg: Added inside the gates named in `forget_gates` (sec. 1.4): a number for all of them, or one per gate
            name. A hyperparameter, not a parameter; cells without such a gate (RNN, IRNN) ignore it.

    Raises:
        ValueError: If a size is below 1, the cell has no such nonlinearity, or `b_fg` names a gate it does not have.
    """

    gates: ClassVar[tuple[str, ...]]
    """Names of the gates, in the order of their rows; candidates are called gates, too."""

    forget_gates: ClassVar[tuple[str, ...]] = ()
    """The gates that `b_fg` is added to."""

    recurrent_kinds: ClassVar[tuple[str, ...]] = ("orthogonal", "normal", "identity")
    """Initialisations of the recurrent matrices that the paper allows for this cell; the first is the default."""

    takes_indices = True

    takes_bias: ClassVar[bool] = True
    """Whether the biases may start from anything but zero."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str | None = None,
        b_fg: float | dict[str, float] = 0.0,
    ) -> None:
        if not getattr(self, "gates", ()):
            raise ValueError(f"cell: {type(self).__name__} given, which names no gates")
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
        if not isinstance(b_fg, dict):
            return dict.fromkeys(self.forget_gates, b_fg)
        unknown = sorted(set(b_fg) - set(self.forget_gates))
        if unknown and self.forget_gates:
            raise ValueError(
                f"b_fg: gate {unknown[0]!r} given, {type(self).__name__} has {', '.join(self.forget_gates)}"
            )
        return {gate: offset for gate, offset in b_fg.items() if gate in self.forget_gates}

    def reset_parameters(self) -> None:
        """Draw every matrix from N(0, 1)/sqrt(columns) and set the biases to zero (sec. 1.2, unit scale)."""
        with torch.no_grad():
            for matrix in (*self.input_matrices().values(), *self.recurrent_matrices().values()):
                matrix.normal_(0.0, matrix.shape[1] ** -0.5)
            self.bias.zero_()

    def project(self, inputs: Tensor) -> Projected:
        """W_x x + b (+ b_fg) of all gates: (..., input_size), or indices (..., k), to (..., G * hidden_size)."""
        return (affine(inputs, self.weight_input, self.bias + self.gate_offset),)

    def input_weights(self) -> tuple[Tensor, Tensor]:
        """The input matrices and the biases of all gates, b_fg inside."""
        return self.weight_input, self.bias + self.gate_offset

    @staticmethod
    def recur(projected: Tensor, hidden: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
        """Projected + W_h (mask · h'), in one kernel where the batch sizes allow it.

        Args:
            projected: (batch or 1, rows); with the weights of K networks, here and below, K goes before it.
            hidden: h', (batch or 1, hidden_size).
            weight: (rows, hidden_size).
            mask: (batch, hidden_size), or None.

        Returns:
            (batch, rows), of the state's type: under autocast the product alone is made with fewer bits, too few for
            the sums by which a gate close to 1 keeps what it has.
        """
        if mask is not None:
            hidden = hidden * mask
        if projected.shape[-2] not in (1, hidden.shape[-2]):
            return projected + hidden @ weight.mT
        if weight.dim() == 3:
            return torch.baddbmm(projected.mT, weight, hidden.mT).mT.to(hidden.dtype)
        return torch.addmm(projected, hidden, weight.t()).to(hidden.dtype)

    def recurrent_weights(self) -> tuple[Tensor, ...]:
        """The recurrent matrices of all gates."""
        return (self.weight_recurrent,)

    @staticmethod
    def recur_in(projected: Tensor, hidden: Tensor, weight: Tensor) -> Tensor:
        """`recur` for `forward_step`: (K, rows, batch), in place of `projected` unless all samples share it.

        Args:
            projected: (K, rows, batch or 1).
            hidden: h', (K, n, batch or 1).
            weight: (K, rows, n).
        """
        if hidden.shape[-1] == 1:
            return projected.add_(torch.bmm(weight, hidden))
        if projected.shape[-1] == 1:
            return torch.bmm(weight, hidden).add_(projected)
        return projected.baddbmm_(weight, hidden)

    @staticmethod
    def recur_back(
        gates: Tensor,
        hidden: Tensor,
        weight: Tensor,
        gradient: Tensor,
        before: Tensor | None = None,
        room: Tensor | None = None,
    ) -> Tensor:
        """The way back through `recur_in`.

        Args:
            gates: Gradient to what `recur_in` gave, (K, rows, batch).
            hidden: h', (K, n, batch or 1).
            weight: (K, rows, n).
            gradient: That to the weight is added to this.
            before: What else is the gradient to h', (K, n, batch), and may be changed; None is nothing.
            room: Memory for the result that is in the cache, such as a gradient that is no longer needed.

        Returns:
            The gradient to h', of its shape.
        """
        if hidden.shape[-1] == 1:
            gates = gates.sum(-1, keepdim=True)
            before = None if before is None else before.sum(-1, keepdim=True)
            room = None
        gradient.baddbmm_(gates, hidden.mT)
        if before is None:
            return torch.bmm(weight.mT, gates, out=room)
        return before.baddbmm_(weight.mT, gates)

    def input_matrices(self) -> dict[str, Tensor]:
        """Views of the input matrices, (hidden_size, input_size) each, by gate."""
        return dict(zip(self.gates, self.weight_input.chunk(len(self.gates)), strict=True))

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """Views of the recurrent matrices, (hidden_size, hidden_size) each, by gate."""
        return dict(zip(self.gates, self.weight_recurrent.chunk(len(self.gates)), strict=True))

    def biases(self) -> dict[str, Tensor]:
        """Views of the biases, (hidden_size,) each, by gate."""
        return dict(zip(self.gates, self.bias.chunk(len(self.gates)), strict=True))

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """G(n² + n·m + n), the count of one cell without its initial state (Collins et al. 2017, sec. 1.2)."""
        return len(cls.gates) * hidden_size * (hidden_size + input_size + 1)
