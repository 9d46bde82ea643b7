"""Number of parameters of a network, and number of units for a parameter budget (Collins et al. 2017, sec. 1.2)."""

from __future__ import annotations

from bisect import bisect_right

from rnn_capacity.cells import Cell, cell_class
from rnn_capacity.checks import check_minimum


def parameter_count(
    cell: str | type[Cell],
    depth: int,
    hidden_size: int,
    input_size: int,
    output_size: int,
    *,
    layer_norm: bool = False,
) -> int:
    """Count the trainable parameters of a network without building it.

    Σ_layers [G(n² + n·m_l + n) + S·n] + n·o + o for a cell of G gates and S state tensors, where m_1 is the input and
    m_l = n above (Collins et al. 2017, sec. 1.2). A cell that needs its input projected adds n·m + n and has m_1 = n;
    layer normalisation adds 2·n a layer. The formula counts a +RNN of depth 1 as well, which `RecurrentNetwork` does
    not build.

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        hidden_size: Units n of every layer.
        input_size: Features m of the input.
        output_size: Outputs o.
        layer_norm: Whether the layers are normalised.

    Returns:
        The number of parameters.

    Raises:
        ValueError: If there is no such cell or a size is below 1.

    Example:
        >>> parameter_count("lstm", depth=4, hidden_size=210, input_size=27, output_size=27)  # the paper's text8 LSTM
        1268217
    """
    check_minimum(1, depth=depth, hidden_size=hidden_size, input_size=input_size, output_size=output_size)
    kind = cell_class(cell)
    projection = hidden_size * (input_size + 1) if kind.equal_sizes else 0
    first = kind.parameter_count(hidden_size if kind.equal_sizes else input_size, hidden_size)
    upper = kind.parameter_count(hidden_size, hidden_size)
    layer = len(kind.state_names) * hidden_size + (2 * hidden_size if layer_norm else 0)
    return projection + first + (depth - 1) * upper + depth * layer + output_size * (hidden_size + 1)


def units_for_budget(
    cell: str | type[Cell],
    depth: int,
    max_parameters: int,
    input_size: int,
    output_size: int,
    *,
    layer_norm: bool = False,
) -> int:
    """Find the largest hidden_size for which a network has at most `max_parameters` parameters.

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        max_parameters: The budget.
        input_size: Features m of the input.
        output_size: Outputs o.
        layer_norm: Whether the layers are normalised.

    Returns:
        Units n of every layer.

    Raises:
        ValueError: If there is no such cell, a size is below 1, or the budget is too small for one unit.

    Example:
        >>> units_for_budget("gru", depth=1, max_parameters=200_000, input_size=300, output_size=100)
        140
    """

    def count(units: int) -> int:
        return parameter_count(cell, depth, units, input_size, output_size, layer_norm=layer_norm)

    if count(1) > max_parameters:
        raise ValueError(
            f"max_parameters must be at least {count(1)}, those of one unit a layer with depth {depth}, "
            f"{input_size} inputs and {output_size} outputs, got {max_parameters}"
        )
    high = 2
    while count(high) <= max_parameters:
        high *= 2
    return bisect_right(range(high), max_parameters, key=count) - 1
