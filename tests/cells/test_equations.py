"""The six cells against the paper's equations, written out in Python numbers, one unit and one sample at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from rnn_capacity.cells import CELLS, GatedCell

Vector = list[float]
Function = Callable[[float], float]

SIZE = 4
FUNCTIONS: dict[str, Function] = {"tanh": math.tanh, "relu": lambda a: max(a, 0.0)}
CASES = [(name, kind) for name, cell in CELLS.items() for kind in (cell.nonlinearities or (None,))]


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def affine(cell: GatedCell, gate: str, x: Vector, h: Vector, offset: float = 0.0) -> Vector:
    w_h, w_x = cell.recurrent_matrices()[gate].tolist(), cell.input_matrices()[gate].tolist()
    b = cell.biases()[gate].tolist()
    return [
        sum(w_h[i][j] * h[j] for j in range(len(h))) + sum(w_x[i][j] * x[j] for j in range(len(x))) + b[i] + offset
        for i in range(len(b))
    ]


def mix(g: Vector, kept: Vector, new: Vector) -> Vector:
    return [g_i * kept_i + (1 - g_i) * new_i for g_i, kept_i, new_i in zip(g, kept, new, strict=True)]


def rnn(cell: GatedCell, s: Function, b_fg: dict[str, float], x: Vector, h: Vector) -> tuple[Vector, ...]:
    new = [s(a) for a in affine(cell, "candidate", x, h)]
    return new, new


def ugrnn(cell: GatedCell, s: Function, b_fg: dict[str, float], x: Vector, h: Vector) -> tuple[Vector, ...]:
    c = [s(a) for a in affine(cell, "candidate", x, h)]
    g = [sigmoid(a) for a in affine(cell, "gate", x, h, b_fg["gate"])]
    new = mix(g, h, c)
    return new, new


def gru(cell: GatedCell, s: Function, b_fg: dict[str, float], x: Vector, h: Vector) -> tuple[Vector, ...]:
    r = [sigmoid(a) for a in affine(cell, "reset", x, h)]
    u = [sigmoid(a) for a in affine(cell, "update", x, h, b_fg["update"])]
    c = [s(a) for a in affine(cell, "candidate", x, [r_i * h_i for r_i, h_i in zip(r, h, strict=True)])]
    new = mix(u, h, c)
    return new, new


def lstm(cell: GatedCell, s: Function, b_fg: dict[str, float], x: Vector, h: Vector, c: Vector) -> tuple[Vector, ...]:
    i = [sigmoid(a) for a in affine(cell, "input", x, h)]
    f = [sigmoid(a) for a in affine(cell, "forget", x, h, b_fg["forget"])]
    c_in = [s(a) for a in affine(cell, "candidate", x, h)]
    o = [sigmoid(a) for a in affine(cell, "output", x, h)]
    memory = [f[k] * c[k] + i[k] * c_in[k] for k in range(len(c))]
    new = [o[k] * math.tanh(memory[k]) for k in range(len(c))]
    return new, new, memory


def intersection(cell: GatedCell, s: Function, b_fg: dict[str, float], x: Vector, h: Vector) -> tuple[Vector, ...]:
    y_in = [max(a, 0.0) for a in affine(cell, "y", x, h)]
    h_in = [math.tanh(a) for a in affine(cell, "h", x, h)]
    g_y = [sigmoid(a) for a in affine(cell, "y_gate", x, h, b_fg["y_gate"])]
    g_h = [sigmoid(a) for a in affine(cell, "h_gate", x, h, b_fg["h_gate"])]
    return mix(g_y, x, y_in), mix(g_h, h, h_in)


PAPER: dict[str, Callable[..., tuple[Vector, ...]]] = {
    "rnn": rnn,
    "irnn": rnn,
    "ugrnn": ugrnn,
    "gru": gru,
    "lstm": lstm,
    "intersection": intersection,
}


def check(name: str, cell: GatedCell, s: Function, b_fg: dict[str, float]) -> None:
    """Compare three steps of a cell from a random state with the paper's equations, sample by sample."""
    state = tuple(torch.randn(3, SIZE, dtype=torch.float64) for _ in cell.state_names)
    for _ in range(3):
        inputs = torch.randn(3, cell.input_size, dtype=torch.float64)
        output, new = cell(inputs, state)
        for sample in range(3):
            vectors = [tensor[sample].tolist() for tensor in (inputs, *state)]
            expected = PAPER[name](cell, s, b_fg, *vectors)
            for given, wanted in zip((output, *new), expected, strict=True):
                assert given[sample].tolist() == pytest.approx(wanted, rel=0, abs=1e-12)
        state = new


@pytest.mark.parametrize(("name", "nonlinearity"), CASES)
def test_a_step_matches_the_papers_equations(
    name: str, nonlinearity: str | None, randomise: Callable[[nn.Module], None]
) -> None:
    kind = CELLS[name]
    cell = kind(SIZE if kind.equal_sizes else 3, SIZE, nonlinearity, b_fg=1.5)  # 1.5 is exact in float32, too
    randomise(cell)
    check(name, cell, FUNCTIONS[nonlinearity or "tanh"], dict.fromkeys(cell.forget_gates, 1.5))


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_without_a_chosen_nonlinearity_uses_tanh_except_the_irnn(
    name: str, randomise: Callable[[nn.Module], None]
) -> None:
    cell = CELLS[name](SIZE, SIZE)
    randomise(cell)
    check(name, cell, FUNCTIONS["relu" if name == "irnn" else "tanh"], dict.fromkeys(cell.forget_gates, 0.0))


def test_each_gate_of_the_intersection_rnn_takes_its_own_b_fg(randomise: Callable[[nn.Module], None]) -> None:
    b_fg = {"y_gate": 2.5, "h_gate": -0.5}
    cell = CELLS["intersection"](SIZE, SIZE, b_fg=b_fg)
    randomise(cell)
    check("intersection", cell, math.tanh, b_fg)


def test_a_b_fg_for_one_gate_leaves_the_other_at_zero(randomise: Callable[[nn.Module], None]) -> None:
    cell = CELLS["intersection"](SIZE, SIZE, b_fg={"h_gate": 3.0})
    randomise(cell)
    check("intersection", cell, math.tanh, {"y_gate": 0.0, "h_gate": 3.0})
