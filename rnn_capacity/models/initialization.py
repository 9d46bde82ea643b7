"""Initialisation of weights, biases and initial states, with the choices of Collins et al. 2017 (sec. 1.2, App. A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS, Cell, GatedCell
from rnn_capacity.checks import check_choice, check_finite, check_minimum

KNOWN_GATES = frozenset(gate for cell in CELLS.values() if issubclass(cell, GatedCell) for gate in cell.gates)
"""Names of all gates of the paper's cells, which a dictionary of scales by gate may contain for any cell."""


@dataclass(frozen=True)
class Initialization:
    """How the weights, biases and initial states of a network are initialised, by the same choices in every layer.

    The paper scales each gate's matrices by a factor of their own. It does not say how the upper layers' input
    matrices, which are square, the readout and the initial state are drawn: see the attributes.

    Raises:
        ValueError: If an attribute is not among its choices, or a factor is negative.

    Example:
        >>> import torch
        >>> from rnn_capacity.models import Stack
        >>> initialization = Initialization(recurrent="identity", bias_scale=0.5)
        >>> cell = Stack("gru", depth=1, input_size=3, hidden_size=4, initialization=initialization).cells[0]
        >>> bool((cell.recurrent_matrices()["update"] == torch.eye(4)).all()), cell.bias[0].item()
        (True, 0.5)
    """

    recurrent: Literal["orthogonal", "normal", "identity"] | None = None
    """Initialisation of the recurrent matrices: orthogonal, normal, which is N(0, 1)/sqrt(hidden_size), or identity
    (not for the RNN; always for the IRNN). Null is the cell's default: identity for the IRNN, else orthogonal."""

    recurrent_scale: float | dict[str, float] = 1.0
    """Factor that multiplies the initial recurrent matrices, except an identity: a number, or one for each gate by
    name, where gates of the paper's other cells may be named, too (the paper tunes it in [0.01, 2])."""

    input_scale: float | dict[str, float] = 1.0
    """Factor that multiplies the initial input matrices of every layer, drawn from N(0, 1)/sqrt(input_size): a number,
    or one for each gate by name (the paper tunes it in [0.001, 2])."""

    square_inputs: bool = False
    """Whether the square input matrices of the upper layers are initialised like the recurrent matrices, with
    `recurrent` and `recurrent_scale`."""

    bias: Literal["constant", "normal"] = "constant"
    """Initialisation of the gates' biases: all equal to bias_scale (constant), or drawn from N(0, 1) times bias_scale
    (normal). Readout and projection biases start at zero."""

    bias_scale: float = 0.0
    """Initial value of the gates' biases, or their standard deviation with bias = normal. The paper tunes it in [-2,
    2]; it must be 0 for the IRNN."""

    readout_scale: float = 1.0
    """Factor that multiplies the readout's initial matrix, drawn from N(0, 1)/sqrt(hidden_size), and the +RNN's input
    projection, drawn from N(0, 1)/sqrt(input_size)."""

    state_scale: float = 0.0
    """Standard deviation of the normal distribution from which the learned initial states h_0 start; 0 starts them at
    zero."""

    def __post_init__(self) -> None:
        check_finite(initialization=vars(self))
        check_choice(("orthogonal", "normal", "identity", None), **{"initialization.recurrent": self.recurrent})
        check_choice(("constant", "normal"), **{"initialization.bias": self.bias})
        for name in ("recurrent_scale", "input_scale", "readout_scale", "state_scale"):
            scale = getattr(self, name)
            for factor in scale.values() if isinstance(scale, dict) else (scale,):
                check_minimum(0, **{f"initialization.{name}": factor})
                self._check_single_precision(name, factor)
        self._check_single_precision("bias_scale", self.bias_scale)

    def _check_single_precision(self, name: str, factor: float) -> None:
        """Check that a scale is finite in float32, the precision of most networks."""
        if not abs(factor) <= torch.finfo(torch.float32).max:
            raise ValueError(f"initialization.{name} must be finite in single precision, got {factor:g}")

    def cell(self, cell: Cell, layer: int) -> None:
        """Initialise a `GatedCell` in place from torch's global generator; any other cell keeps its own weights.

        Args:
            cell: The cell.
            layer: Its layer in the stack, from 0 at the bottom.

        Raises:
            ValueError: If the cell does not start that way, or scales by gate do not fit its gates.
        """
        if not isinstance(cell, GatedCell):
            return
        name = type(cell).__name__
        check_choice((*cell.recurrent_kinds, None), **{f"initialization.recurrent of {name}": self.recurrent})
        kind = self.recurrent or cell.recurrent_kinds[0]
        if self.bias_scale != 0 and not cell.takes_bias:
            raise ValueError(
                f"initialization.bias_scale must be 0 for {name}, whose biases start at zero, got {self.bias_scale:g}"
            )
        with torch.no_grad():
            for gate, matrix in cell.input_matrices().items():
                if self.square_inputs and layer > 0:
                    draw_matrix(matrix, kind, gate_scale("recurrent_scale", self.recurrent_scale, gate, cell))
                else:
                    draw_matrix(matrix, "normal", gate_scale("input_scale", self.input_scale, gate, cell))
            for gate, matrix in cell.recurrent_matrices().items():
                draw_matrix(matrix, kind, gate_scale("recurrent_scale", self.recurrent_scale, gate, cell))
            for bias in cell.biases().values():
                bias.normal_(0.0, abs(self.bias_scale)) if self.bias == "normal" else bias.fill_(self.bias_scale)

    def affine(self, layer: nn.Linear) -> None:
        """Initialise a readout or an input projection in place from torch's global generator, with zero bias."""
        with torch.no_grad():
            draw_matrix(layer.weight, "normal", self.readout_scale)
            layer.bias.zero_()

    def state(self, state: Tensor) -> None:
        """Initialise a learned initial state in place from torch's global generator."""
        with torch.no_grad():
            state.normal_(0.0, self.state_scale)


def draw_matrix(matrix: Tensor, kind: str, scale: float) -> None:
    """Initialise a matrix in place: scale · N(0, 1)/sqrt(columns) ("normal"), scaled "orthogonal", or "identity"."""
    if kind == "identity":
        nn.init.eye_(matrix)
    elif kind == "orthogonal":
        nn.init.orthogonal_(matrix, gain=scale)
    else:
        matrix.normal_(0.0, scale * matrix.shape[1] ** -0.5)


def gate_scale(argument: str, scale: float | dict[str, float], gate: str, cell: GatedCell) -> float:
    """Return the scale of one gate, from a number for all gates or a dictionary from gate name to scale.

    Raises:
        ValueError: If scales by gate leave a gate of the cell out or name one that neither it nor a known cell has.
    """
    if not isinstance(scale, dict):
        return scale
    if not set(cell.gates) <= set(scale) <= KNOWN_GATES.union(cell.gates):
        raise ValueError(
            f"initialization.{argument} must have the gates of {type(cell).__name__}, {', '.join(cell.gates)}, "
            f"got {', '.join(sorted(scale)) or 'none'}"
        )
    return scale[gate]
