"""Recurrent cells: one step of one layer, one architecture a file."""

from __future__ import annotations

from importlib import import_module

from rnn_capacity.cells.affine import affine
from rnn_capacity.cells.base import Cell, Projected, State
from rnn_capacity.cells.gated import GatedCell
from rnn_capacity.cells.gru import GRUCell
from rnn_capacity.cells.intersection import IntersectionRNNCell
from rnn_capacity.cells.irnn import IRNNCell
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
"""The paper's six cells by their name on the command line."""


def cell_class(cell: str | type[Cell]) -> type[Cell]:
    """The class of a cell.

    Args:
        cell: A name in `CELLS`, the class path of a cell of one's own ("my_package.MyCell"), or a class.

    Raises:
        ValueError: If there is no such cell; the message lists the names.
    """
    if isinstance(cell, str):
        if cell in CELLS:
            return CELLS[cell]
        expected = f"one of {', '.join(CELLS)}, or the class path of a cell of your own"
        module, _, name = cell.rpartition(".")
        if not module:
            raise ValueError(f"cell: {cell!r} given, expected {expected}")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError, TypeError) as error:
            raise ValueError(f"cell: {cell!r} given ({error}), expected {expected}") from error
    else:
        found = cell
    if not (isinstance(found, type) and issubclass(found, Cell)):
        raise ValueError(f"cell: {cell!r} given, which is not a subclass of rnn_capacity.cells.Cell")
    return found


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
    "affine",
    "cell_class",
]
