"""Size to parameters, and back (Collins et al. 2017, sec. 1.2)."""

from __future__ import annotations

from rnn_capacity.cells import Cell, cell_class


def parameter_count(
    cell: str | type[Cell],
    depth: int,
    hidden_size: int,
    input_size: int,
    output_size: int,
    *,
    layer_norm: bool = False,
) -> int:
    """Trainable parameters of a network.

    Σ_layers [G(n² + n·m_l + n) + S·n] + n·o + o for a cell of G gates and S state tensors, where m_1 is the input and
    m_l = n above. A cell that needs its input projected adds n·m + n and has m_1 = n; layer normalisation adds 2·n a
    layer. The formula counts a +RNN of depth 1 as well, which `RecurrentNetwork` does not build.

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        hidden_size: Units n of every layer.
        input_size: Features m of the input.
        output_size: Outputs o.
        layer_norm: Whether the layers are normalised.

    Raises:
        ValueError: If there is no such cell or a size is below 1.
    """
    sizes = {"depth": depth, "hidden_size": hidden_size, "input_size": input_size, "output_size": output_size}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {size} given, at least 1 needed")
    kind = cell_class(cell)
    projection = hidden_size * (input_size + 1) if kind.equal_sizes else 0
    first = kind.parameter_count(hidden_size if kind.equal_sizes else input_size, hidden_size)
    above = kind.parameter_count(hidden_size, hidden_size) if depth > 1 else 0
    layer = len(kind.state_names) * hidden_size + (2 * hidden_size if layer_norm else 0)
    return projection + first + (depth - 1) * above + depth * layer + output_size * (hidden_size + 1)


def units_for_budget(
    cell: str | type[Cell],
    depth: int,
    max_parameters: int,
    input_size: int,
    output_size: int,
    *,
    layer_norm: bool = False,
) -> int:
    """The most units per layer whose network has at most `max_parameters` parameters.

    Args:
        cell: A name in `rnn_capacity.cells.CELLS`, a class path, or a class.
        depth: Layers.
        max_parameters: The budget.
        input_size: Features m of the input.
        output_size: Outputs o.
        layer_norm: Whether the layers are normalised.

    Raises:
        ValueError: If there is no such cell, a size is below 1, or the budget is too small for one unit.
    """

    def fits(units: int) -> bool:
        count = parameter_count(cell, depth, units, input_size, output_size, layer_norm=layer_norm)
        return count <= max_parameters

    if not fits(1):
        least = parameter_count(cell, depth, 1, input_size, output_size, layer_norm=layer_norm)
        raise ValueError(
            f"max_parameters: {max_parameters} given, one unit a layer takes {least} "
            f"(depth {depth}, {input_size} in, {output_size} out)"
        )
    low, high = 1, 2
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
