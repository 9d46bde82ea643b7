"""The part of a search space that makes a difference to one cell, so that one sweep file serves all cells."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rnn_capacity.cells import CELLS, Cell, GatedCell
from rnn_capacity.search.space.parameters import Choice, Constant, Parameter
from rnn_capacity.search.space.search_space import SearchSpace

MODEL = "model.init_args."
START = f"{MODEL}initialization."

GATED_ONLY = ("recurrent", "recurrent_scale", "input_scale", "square_inputs", "bias", "bias_scale")
"""Fields of an Initialization that leave a cell alone whose gates have no names."""


def narrow(space: SearchSpace, cell: type[Cell]) -> tuple[SearchSpace, list[str]]:
    """The space without what makes no difference to a cell, and without the choices that it refuses.

    Scales and b_fg of gates that the cell does not have go, what it has no choice in, nonlinearities and initial
    matrices that it does not take, and a choice among cells. Names that no cell has stay: the program refuses them.

    Args:
        space: The space of a sweep.
        cell: The class of the cell.

    Returns:
        The narrower space, and a line for each thing left out.
    """
    kept: dict[str, Parameter] = {}
    lines = []
    for name, parameter in space.parameters.items():
        reason = idle(name, cell)
        if reason is not None:
            lines.append(f"{name}: left out, {reason}")
            continue
        takes = accepted(name, cell)
        rest = parameter if takes is None else limited(parameter, (None, *takes))
        if rest is not parameter:
            refused = ", ".join(str(value) for value in choices(parameter) if value not in choices(rest))
            lines.append(f"{name}: {refused} left out, {cell.__name__} takes {', '.join(takes or ()) or 'none'}")
        if rest is not None:
            kept[name] = rest
    return SearchSpace(kept), lines


def idle(name: str, cell: type[Cell]) -> str | None:
    """Why a hyperparameter makes no difference to the cell; None if it may make one."""
    own = cell.__name__
    if name == f"{MODEL}cell":
        return f"this is the search for {own}"
    if name.startswith(f"{MODEL}b_fg"):
        return idle_offset(name.removeprefix(f"{MODEL}b_fg").removeprefix("."), cell)
    if not name.startswith(START):
        return None
    argument, _, gate = name.removeprefix(START).partition(".")
    if argument not in GATED_ONLY:
        return None
    if not issubclass(cell, GatedCell):
        return f"{own} starts its weights by itself"
    if argument in ("bias", "bias_scale") and not cell.takes_bias:
        return f"{own} starts from zero biases"
    if argument == "recurrent_scale" and cell.recurrent_kinds == ("identity",):
        return f"{own} starts from identity matrices, which have no scale"
    if gate and gate not in cell.gates and gate in known_gates("gates"):
        return f"{own} has the gates {', '.join(cell.gates)}"
    return None


def idle_offset(gate: str, cell: type[Cell]) -> str | None:
    """Why b_fg, of one gate or of all, makes no difference; None if it may make one."""
    own = cell.__name__
    if not issubclass(cell, GatedCell):
        return None if "b_fg" in inspect.signature(cell).parameters else f"{own} takes no b_fg"
    if not cell.forget_gates:
        return f"{own} has no forget gate"
    if gate and gate not in cell.forget_gates and gate in known_gates("forget_gates"):
        return f"{own} has the forget gates {', '.join(cell.forget_gates)}"
    return None


def accepted(name: str, cell: type[Cell]) -> tuple[str, ...] | None:
    """The choices that the cell takes beside null; None if it does not matter."""
    if name == f"{MODEL}nonlinearity":
        return cell.nonlinearities
    if name == f"{START}recurrent" and issubclass(cell, GatedCell):
        return cell.recurrent_kinds
    return None


def choices(parameter: Parameter | None) -> Iterable[Any]:
    """The values that a hyperparameter has."""
    if isinstance(parameter, Constant):
        return (parameter.given,)
    return parameter.values if isinstance(parameter, Choice) else ()


def limited(parameter: Parameter, taken: tuple[Any, ...]) -> Parameter | None:
    """The hyperparameter without the values that are not taken; itself if all are, None if none is."""
    values = choices(parameter)
    kept = [index for index, value in enumerate(values) if value in taken]
    if isinstance(parameter, Constant):
        return parameter if kept else None
    if not isinstance(parameter, Choice) or len(kept) == len(parameter.values):
        return parameter
    shares = None if parameter.probabilities is None else [parameter.probabilities[index] for index in kept]
    if not kept or (shares is not None and sum(shares) == 0):
        return None
    probabilities = None if shares is None else tuple(share / sum(shares) for share in shares)
    return replace(parameter, values=tuple(parameter.values[index] for index in kept), probabilities=probabilities)


def known_gates(names: str) -> set[str]:
    """The gates, or forget gates, of the paper's cells."""
    return {gate for cell in CELLS.values() for gate in getattr(cell, names, ())}
