"""Hand-written forward and backward time steps of the cells ("step kernels") for K networks with stacked weights."""

from __future__ import annotations

from rnn_capacity.cells import (
    Cell,
    GRUCell,
    IntersectionRNNCell,
    IRNNCell,
    LSTMCell,
    RNNCell,
    UGRNNCell,
)
from rnn_capacity.kernels.gru import GRUKernel
from rnn_capacity.kernels.inputs import RecurrenceInputs
from rnn_capacity.kernels.intersection import IntersectionRNNKernel
from rnn_capacity.kernels.lstm import LSTMKernel
from rnn_capacity.kernels.recurrence import run_recurrence
from rnn_capacity.kernels.rnn import RNNKernel
from rnn_capacity.kernels.step import BackwardArguments, StepKernel
from rnn_capacity.kernels.ugrnn import UGRNNKernel

STEP_KERNELS: dict[type[Cell], type[StepKernel]] = {
    RNNCell: RNNKernel,
    IRNNCell: RNNKernel,
    UGRNNCell: UGRNNKernel,
    GRUCell: GRUKernel,
    LSTMCell: LSTMKernel,
    IntersectionRNNCell: IntersectionRNNKernel,
}
"""Hand-written forward and backward step of each cell class; subclasses of a cell have none."""


def step_kernel(cell: Cell) -> StepKernel | None:
    """Return the hand-written forward and backward step of a cell for K stacked networks, or None.

    Args:
        cell: The cell.

    Returns:
        The kernel for the cell's hidden size and nonlinearity. None if the cell's own class is not in `STEP_KERNELS`:
        a subclass may change the step, so it does not inherit a kernel.

    Example:
        >>> from rnn_capacity.cells import LSTMCell
        >>> type(step_kernel(LSTMCell(input_size=3, hidden_size=4))).__name__
        'LSTMKernel'
        >>> class Mine(LSTMCell): ...
        >>> step_kernel(Mine(input_size=3, hidden_size=4)) is None
        True
    """
    kernel = STEP_KERNELS.get(type(cell))
    return None if kernel is None else kernel(cell)


__all__ = [
    "STEP_KERNELS",
    "BackwardArguments",
    "RecurrenceInputs",
    "StepKernel",
    "run_recurrence",
    "step_kernel",
]
