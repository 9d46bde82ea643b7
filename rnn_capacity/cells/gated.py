"""Cells whose every gate is an affine function of the input and the state."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_capacity.cells.base import Cell, Projected


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b, where x is given by its features or by the places of its ones.

    The weights of K networks, stacked, are applied to the samples of each. Their result lies in memory with the batch
    innermost, so that a gate is one piece and not a strip of every row.

    Args:
        inputs: (..., columns) of a floating type, or integers (..., k): the columns of k ones in an x of zeros, looked
            up and summed without ever making x. For stacked weights (..., K or 1, batch, columns or k).
        weight: W, (rows, columns), or (K, rows, columns).
        bias: b, (rows,), or (K, rows).

    Returns:
        (..., rows); for stacked weights (..., K, batch, rows).
    """
    if weight.dim() == 3:
        return stacked_affine(inputs, weight, bias)
    if inputs.is_floating_point():
        return F.linear(inputs, weight, bias)
    bags = inputs.reshape(-1, inputs.shape[-1])
    return (F.embedding_bag(bags, weight.t(), mode="sum") + bias).view(*inputs.shape[:-1], len(weight))


def stacked_affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`affine` for the weights of K networks, each with the samples of its own or all with the same."""
    if inputs.is_floating_point():
        return (weight @ inputs.mT + bias.unsqueeze(-1)).mT
    members, rows, columns = weight.shape
    table = weight.mT.reshape(members * columns, rows)  # the members' columns one after another
    first = torch.arange(0, members * columns, columns, device=inputs.device).view(-1, 1, 1)
    places = inputs + first
    bags = F.embedding_bag(places.reshape(-1, places.shape[-1]), table, mode="sum")
    return bags.view(*places.shape[:-1], rows) + bias.unsqueeze(-2)


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
