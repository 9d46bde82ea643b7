"""The recurrent cells of Collins et al. 2017, one per file; a cell computes one time step of one layer."""

from __future__ import annotations

from importlib import import_module

from rnn_capacity.cells.base import Cell, Projected, State
from rnn_capacity.cells.gated import GatedCell
from rnn_capacity.cells.gru import GRUCell
from rnn_capacity.cells.intersection import IntersectionRNNCell
from rnn_capacity.cells.irnn import IRNNCell
from rnn_capacity.cells.linear import linear_or_lookup
from rnn_capacity.cells.lstm import LSTMCell
from rnn_capacity.cells.rnn import RNNCell
from rnn_capacity.cells.ugrnn import UGRNNCell

CELLS: dict[str, type[Cell]] = {
    "rnn": RNNCell,
    "irnn": IRNNCell,
    "ugrnn": UGRNNCell,
    "gru": GRUCell,
    "lstm": LSTMCell,
    "intersection": IntersectionRNNCell,
}
"""Class of each of the paper's six cells by its name on the command line (`--model.cell`)."""


def cell_class(cell: str | type[Cell]) -> type[Cell]:
    """Return the class of a cell that is given by its name, its class path or the class itself.

    Args:
        cell: A name in `CELLS`, the class path of a cell of your own ("my_package.MyCell"), or a class.

    Returns:
        The class.

    Raises:
        ValueError: If there is no such cell; the message lists the names.

    Example:
        >>> cell_class("gru") is cell_class("rnn_capacity.cells.GRUCell")
        True
    """
    found: object = CELLS.get(cell, cell) if isinstance(cell, str) else cell
    reason = ""
    if isinstance(found, str):
        module, _, name = found.rpartition(".")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            reason = f" ({error})" if module else ""
    if isinstance(found, type) and issubclass(found, Cell):
        return found
    raise ValueError(
        f"cell must be one of {', '.join(CELLS)}, or the class path of a subclass of rnn_capacity.cells.Cell; "
        f"got {cell!r}{reason}"
    )


__all__ = [
    "CELLS",
    "Cell",
    "GRUCell",
    "GatedCell",
    "IRNNCell",
    "IntersectionRNNCell",
    "LSTMCell",
    "Projected",
    "RNNCell",
    "State",
    "UGRNNCell",
    "cell_class",
    "linear_or_lookup",
]
