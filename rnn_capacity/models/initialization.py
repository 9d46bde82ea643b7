"""Initial weights: the choices of Collins et al. 2017, sec. 1.2 and App. A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS, Cell, GatedCell

KNOWN_GATES = frozenset(gate for cell in CELLS.values() if issubclass(cell, GatedCell) for gate in cell.gates)
"""The gates of the paper's cells; scales by gate may name them all, for any cell."""


@dataclass(frozen=True)
class Initialization:
    """How the weights of a network start; every choice is shared by its layers.

    The paper scales each gate's matrices by a factor of their own and does not say how the upper layers' input
    matrices, which are square, are drawn, nor the readout's and the initial state's start: see the attributes.
    """

    recurrent: Literal["orthogonal", "normal", "identity"] | None = None
    """Kind of the recurrent matrices: orthogonal, N(0, 1)/sqrt(hidden_size), or identity (not for the RNN; always for
    the IRNN). Null is the cell's own: identity for the IRNN, else orthogonal."""

    recurrent_scale: float | dict[str, float] = 1.0
    """Factor of the recurrent matrices, not applied to an identity: a number, or one for each gate by name, and gates
    of the paper's other cells may stand beside the cell's own (the paper tunes it in [0.01, 2])."""

    input_scale: float | dict[str, float] = 1.0
    """Factor of the input matrices, which are drawn from N(0, 1)/sqrt(input_size) at every layer: a number, or one for
    each gate by name, as above (the paper tunes it in [0.001, 2])."""

    square_inputs: bool = False
    """Draw the upper layers' input matrices, which are square, as the recurrent ones are (kind and factor)."""

    bias: Literal["constant", "normal"] = "constant"
    """Kind of the gates' biases: all equal, or drawn from N(0, 1). Readout and projection biases start at zero."""

    bias_scale: float = 0.0
    """Factor of the gates' biases (the paper tunes it in [-2, 2]; the IRNN's start at zero)."""

    readout_scale: float = 1.0
    """Factor of the readout's matrix, drawn from N(0, 1)/sqrt(hidden_size); also of the +RNN's input projection,
    drawn from N(0, 1)/sqrt(input_size)."""

    state_scale: float = 0.0
    """Standard deviation of the learned initial state's first value."""

    def __post_init__(self) -> None:
        if self.recurrent not in ("orthogonal", "normal", "identity", None):
            allowed = "orthogonal, normal, identity, null (the cell's own)"
            raise ValueError(f"initialization.recurrent: {self.recurrent!r} given, {allowed} allowed")
        if self.bias not in ("constant", "normal"):
            raise ValueError(f"initialization.bias: {self.bias!r} given, constant or normal allowed")
        for name in ("recurrent_scale", "input_scale", "readout_scale", "state_scale"):
            scale = getattr(self, name)
            if min(scale.values(), default=0.0) < 0 if isinstance(scale, dict) else scale < 0:
                raise ValueError(f"initialization.{name}: {scale} given, a factor of at least 0 needed")

    def cell(self, cell: Cell, layer: int) -> None:
        """Initialise a cell in place, from the global generator; a cell that is not gated keeps its own start.

        Args:
            cell: The cell.
            layer: Its place in the stack, from 0.

        Raises:
            ValueError: If the cell does not start that way, or scales by gate do not fit its gates.
        """
        if not isinstance(cell, GatedCell):
            return
        name = type(cell).__name__
        kind = self.recurrent or cell.recurrent_kinds[0]
        if kind not in cell.recurrent_kinds:
            allowed = ", ".join((*cell.recurrent_kinds, "null (the cell's own)"))
            raise ValueError(f"initialization.recurrent: {kind!r} given, {name} takes {allowed}")
        if self.bias_scale != 0 and not cell.takes_bias:
            raise ValueError(f"initialization.bias_scale: {self.bias_scale:g} given, {name} starts from zero biases: 0")
        with torch.no_grad():
            for gate, matrix in cell.input_matrices().items():
                if self.square_inputs and layer > 0:
                    draw(matrix, kind, scale_of("recurrent_scale", self.recurrent_scale, gate, cell))
                else:
                    draw(matrix, "normal", scale_of("input_scale", self.input_scale, gate, cell))
            for gate, matrix in cell.recurrent_matrices().items():
                draw(matrix, kind, scale_of("recurrent_scale", self.recurrent_scale, gate, cell))
            for bias in cell.biases().values():
                bias.normal_(0.0, abs(self.bias_scale)) if self.bias == "normal" else bias.fill_(self.bias_scale)

    def affine(self, layer: nn.Linear) -> None:
        """Initialise a readout or a projection in place, from the global generator."""
        with torch.no_grad():
            draw(layer.weight, "normal", self.readout_scale)
            layer.bias.zero_()

    def state(self, state: Tensor) -> None:
        """Initialise a learned initial state in place, from the global generator."""
        with torch.no_grad():
            state.normal_(0.0, self.state_scale)


def draw(matrix: Tensor, kind: str, scale: float) -> None:
    """Fill a matrix in place: "normal" is N(0, 1)/sqrt(columns); it and "orthogonal" are scaled, "identity" is not."""
    if kind == "identity":
        nn.init.eye_(matrix)
    elif kind == "orthogonal":
        nn.init.orthogonal_(matrix, gain=scale)
    else:
        matrix.normal_(0.0, scale * matrix.shape[1] ** -0.5)


def scale_of(argument: str, scale: float | dict[str, float], gate: str, cell: GatedCell) -> float:
    """The factor for one gate.

    Raises:
        ValueError: If scales by gate leave a gate of the cell out or name one that neither it nor a known cell has.
    """
    if not isinstance(scale, dict):
        return scale
    if not set(cell.gates) <= set(scale) <= KNOWN_GATES.union(cell.gates):
        raise ValueError(
            f"initialization.{argument}: gates {', '.join(sorted(scale)) or 'none'} given, "
            f"{type(cell).__name__} has {', '.join(cell.gates)}"
        )
    return scale[gate]
