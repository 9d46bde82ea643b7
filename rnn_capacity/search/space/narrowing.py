"""Leaves out the hyperparameters that a cell ignores, so that one sweep file serves all cells."""

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
"""Names of the `Initialization` fields that affect only subclasses of `GatedCell`."""


def narrow(space: SearchSpace, cell: type[Cell]) -> tuple[SearchSpace, list[str]]:
    """Leave out the hyperparameters that a cell ignores and the choices that it rejects.

    Left out are the scales and b_fg of gates that the cell does not have, hyperparameters that the cell fixes,
    nonlinearities and initial matrices that it does not allow, and a choice among cells. Names that no cell has stay:
    the parser rejects them.

    Args:
        space: The search space of a sweep.
        cell: The class of the cell.

    Returns:
        The narrower space, and a line for each thing left out.

    Example:
        >>> from rnn_capacity.cells import GRUCell
        >>> from rnn_capacity.search import SearchSpace
        >>> from rnn_capacity.search.space.parameters import Choice, Interval
        >>> space = SearchSpace({
        ...     "model.init_args.initialization.recurrent_scale.gate": Interval(0.5, 1.5),
        ...     "model.init_args.seed": Choice((1, 2)),
        ... })
        >>> narrower, lines = narrow(space, GRUCell)
        >>> list(narrower.parameters), lines[0].partition(":")[2]
        (['model.init_args.seed'], ' left out, GRUCell has the gates reset, update, candidate')
    """
    kept: dict[str, Parameter] = {}
    lines = []
    for name, parameter in space.parameters.items():
        reason = ignored_reason(name, cell)
        if reason is not None:
            lines.append(f"{name}: left out, {reason}")
            continue
        takes = allowed_choices(name, cell)
        rest = parameter if takes is None else restrict(parameter, (None, *takes))
        if rest is not parameter:
            refused = ", ".join(str(value) for value in choices(parameter) if value not in choices(rest))
            lines.append(f"{name}: {refused} left out, {cell.__name__} takes {', '.join(takes or ()) or 'none'}")
        if rest is not None:
            kept[name] = rest
    return SearchSpace(kept), lines


def ignored_reason(name: str, cell: type[Cell]) -> str | None:
    """Return the reason why a cell ignores a hyperparameter, or None if the cell may use it."""
    own = cell.__name__
    if name == f"{MODEL}cell":
        return f"this is the search for {own}"
    if name.startswith(f"{MODEL}b_fg"):
        return ignored_offset_reason(name.removeprefix(f"{MODEL}b_fg").removeprefix("."), cell)
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


def ignored_offset_reason(gate: str, cell: type[Cell]) -> str | None:
    """Return the reason why a cell ignores the forget-gate bias b_fg, of one gate or all, or None if it may use it."""
    own = cell.__name__
    if not issubclass(cell, GatedCell):
        return None if "b_fg" in inspect.signature(cell).parameters else f"{own} takes no b_fg"
    if not cell.forget_gates:
        return f"{own} has no forget gate"
    if gate and gate not in cell.forget_gates and gate in known_gates("forget_gates"):
        return f"{own} has the forget gates {', '.join(cell.forget_gates)}"
    return None


def allowed_choices(name: str, cell: type[Cell]) -> tuple[str, ...] | None:
    """Return the values, null aside, that a cell allows for a hyperparameter, or None if it sets no restriction."""
    if name == f"{MODEL}nonlinearity":
        return cell.nonlinearities
    if name == f"{START}recurrent" and issubclass(cell, GatedCell):
        return cell.recurrent_kinds
    return None


def choices(parameter: Parameter | None) -> Iterable[Any]:
    """Return the values of a constant or categorical hyperparameter; an empty tuple for a numeric range."""
    if isinstance(parameter, Constant):
        return (parameter.given,)
    return parameter.values if isinstance(parameter, Choice) else ()


def restrict(parameter: Parameter, taken: tuple[Any, ...]) -> Parameter | None:
    """Remove the values that are not allowed from a categorical hyperparameter; return None if no value remains."""
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
    """Return the names of the gates (`gates`) or forget gates (`forget_gates`) of all the paper's cells."""
    return {gate for cell in CELLS.values() for gate in getattr(cell, names, ())}
