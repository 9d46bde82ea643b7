"""The recurrence of K networks by step kernels against each network's cell, called step by step under autograd."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from typing import Any, NamedTuple, cast

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.cells import CELLS, GatedCell
from rnn_capacity.kernels import RecurrenceInputs, StepKernel, activations, recurrence, run_recurrence, step_kernel

KINDS = [(name, choice) for name, kind in CELLS.items() for choice in kind.nonlinearities or (None,)]
STEPS, FEATURES, UNITS = 5, 3, 4

Results = tuple[Tensor, tuple[Tensor, ...]]
"""Outputs, and the gradients of every leaf."""


def make_cells(name: str, choice: str | None, networks: int, seed: int = 0) -> list[GatedCell]:
    """One layer of each of K networks, unlike each other in weights and b_fg."""
    random = torch.Generator().manual_seed(seed)
    kind = CELLS[name]
    features = UNITS if kind.equal_sizes else FEATURES
    cells = [kind(features, UNITS, choice, b_fg=0.5 * place).double() for place in range(networks)]
    for cell in cells:
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.copy_(0.6 * torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    return cast(list[GatedCell], cells)


class Drawn(NamedTuple):
    """Random states, sequences and readouts of the networks: `RecurrenceInputs` without the cells' weights."""

    sequence: Tensor
    state: tuple[Tensor, ...]
    pad_input: Tensor | None
    readout: tuple[Tensor, Tensor] | None = None

    def leaves(self, cells: list[GatedCell]) -> list[Tensor]:
        parameters = [parameter for cell in cells for parameter in cell.parameters()]
        parts = [*parameters, self.sequence, *self.state, self.pad_input, *(self.readout or ())]
        return [part for part in parts if part is not None and part.requires_grad]


def draw(cell: GatedCell, shown: str, networks: int, batch: int, times: int) -> Drawn:
    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    own = 1 if "shared" in shown else networks
    if "indices" in shown:
        sequence = torch.randint(cell.input_size, (times, own, batch, 2))
    else:
        sequence = leaf(times, own, cell.input_size, batch)
    state = tuple(leaf(networks, UNITS, 1) for _ in cell.state_names)
    return Drawn(sequence, state, leaf(networks, cell.input_size, 1) if "padded" in shown else None)


def stacked_inputs(cells: list[GatedCell], drawn: Drawn) -> RecurrenceInputs:
    weights = zip(
        *([getattr(cell, name) for name in the_kernel(cells).recurrent_weights] for cell in cells), strict=True
    )
    return RecurrenceInputs(
        weight_input=torch.stack([cell.weight_input for cell in cells]),
        bias=torch.stack([cell.bias + cell.gate_offset for cell in cells]),
        recurrent_weights=tuple(torch.stack(parts) for parts in weights),
        **drawn._asdict(),
    )


def the_kernel(cells: list[GatedCell]) -> StepKernel:
    kernel = step_kernel(cells[0])
    assert kernel is not None
    return kernel


def run(cells: list[GatedCell], drawn: Drawn, grad_outputs: Tensor, **options: Any) -> Results:
    """Run the networks by their kernel."""
    outputs = run_recurrence(the_kernel(cells), stacked_inputs(cells, drawn), steps=STEPS, **options)
    return outputs.detach(), gradients(outputs, cells, drawn, grad_outputs)


def gradients(outputs: Tensor, cells: list[GatedCell], drawn: Drawn, grad_outputs: Tensor) -> tuple[Tensor, ...]:
    total = (outputs * grad_outputs[STEPS - len(outputs) :].to(outputs)).sum()
    return torch.autograd.grad(total, drawn.leaves(cells), materialize_grads=True)


def run_by_autograd(
    cells: list[GatedCell], drawn: Drawn, grad_outputs: Tensor, warmup: int = 0, repeat_last: bool = False
) -> Results:
    """Run one network after another, each time step by the cell's own code."""
    by_network = []
    for place, cell in enumerate(cells):
        sequence = drawn.sequence[:, place % drawn.sequence.shape[1]]
        if not sequence.is_floating_point():
            sequence = F.one_hot(sequence, cell.input_size).sum(-2).double().mT
        state = tuple(part[place].mT for part in drawn.state)
        outputs = []
        for time in range(STEPS):
            if time < len(sequence) or repeat_last:
                x = sequence[min(time, len(sequence) - 1)].mT
            else:
                x = torch.zeros(1, cell.input_size).double() if drawn.pad_input is None else drawn.pad_input[place].mT
            output, state = cell(x.expand(sequence.shape[-1], -1), state)
            if time >= warmup:
                if drawn.readout is not None:
                    output = output @ drawn.readout[0][place].mT + drawn.readout[1][place]
                outputs.append(output.mT)
        by_network.append(torch.stack(outputs))
    outputs = torch.stack(by_network, 1)
    return outputs.detach(), gradients(outputs, cells, drawn, grad_outputs)


def compare(found: Results, wanted: Results, tolerance: float) -> None:
    for one, two in zip((found[0], *found[1]), (wanted[0], *wanted[1]), strict=True):
        size = max(1.0, float(two.abs().max()))
        torch.testing.assert_close(one.to(two), two, rtol=0, atol=tolerance * size)


SHOWN = {
    "first": 1,
    "first, padded": 1,
    "some, padded": 3,
    "every": STEPS,
    "first, repeated": 1,
    "some, repeated": 3,
    "every, repeated": STEPS,
    "first shared": 1,
    "some shared, padded": 2,
    "some shared, repeated": 2,
    "first indices": 1,
    "some indices, repeated": 2,
    "every indices": STEPS,
    "every shared indices": STEPS,
}
"""Time steps with an input of their own; after them the input is zero, padded, or the last one repeated."""


def takes(name: str, shown: str) -> bool:
    return not (CELLS[name].equal_sizes and "indices" in shown)  # a stack projects the input of such a cell


@pytest.mark.parametrize(
    ("name", "choice", "shown"), [(*kind, shown) for kind, shown in product(KINDS, SHOWN) if takes(kind[0], shown)]
)
def test_outputs_and_gradients_are_those_of_autograd(name: str, choice: str | None, shown: str) -> None:
    for networks, batch in ((3, 4), (3, 1), (1, 4), (1, 1)):
        cells = make_cells(name, choice, networks)
        drawn = draw(cells[0], shown, networks, batch, SHOWN[shown])
        grad_outputs = torch.randn(STEPS, networks, UNITS, batch, dtype=torch.float64)
        for warmup in (0, 2, STEPS - 1):
            options = {"warmup": warmup, "repeat_last": "repeated" in shown}
            compare(
                run(cells, drawn, grad_outputs, **options),
                run_by_autograd(cells, drawn, grad_outputs, **options),
                1e-12,
            )


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", CELLS)
def test_a_readout_reads_the_outputs(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    networks, batch = 5, 4
    cells = make_cells(name, None, networks)
    for shown, warmup in product(("first, padded", "every", "some shared, repeated"), (0, 2, STEPS - 1)):
        weight = torch.randn(networks, size, UNITS, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(networks, size, dtype=torch.float64, requires_grad=True)
        drawn = draw(cells[0], shown, networks, batch, SHOWN[shown])._replace(readout=(weight, bias))
        grad_outputs = torch.randn(STEPS, networks, size, batch, dtype=torch.float64)
        options = {"warmup": warmup, "repeat_last": "repeated" in shown}
        wanted = run_by_autograd(cells, drawn, grad_outputs, **options)
        for tile_bytes in (2**20, networks * batch * UNITS * 8 // 2):
            monkeypatch.setattr(recurrence, "TILE_BYTES", tile_bytes)
            compare(run(cells, drawn, grad_outputs, **options), wanted, 1e-12)


@pytest.mark.parametrize("shown", ["some shared, padded", "some shared, repeated", "some, padded", "every indices"])
@pytest.mark.parametrize("name", CELLS)
def test_results_do_not_change_when_networks_run_in_tiles(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = shown if takes(name, shown) else "every"
    networks, batch = 5, 3
    cells = make_cells(name, None, networks)
    drawn = draw(cells[0], shown, networks, batch, SHOWN[shown])
    grad_outputs = torch.randn(STEPS, networks, UNITS, batch, dtype=torch.float64)
    options = {"warmup": 1, "repeat_last": "repeated" in shown}
    wanted = run_by_autograd(cells, drawn, grad_outputs, **options)
    step_bytes = networks * batch * len(cells[0].bias) * 8
    for size, parts in ((step_bytes, [5]), (step_bytes // 2, [1, 2, 2]), (step_bytes * 2 // 3, [2, 3]), (1, [1] * 5)):
        monkeypatch.setattr(recurrence, "TILE_BYTES", size)
        tiles = recurrence.tiles(stacked_inputs(cells, drawn))
        assert sorted(tile.stop - tile.start for tile in tiles) == parts
        compare(run(cells, drawn, grad_outputs, **options), wanted, 1e-12)


@pytest.mark.parametrize("slow", [True, False], ids=["tanh by sigmoid", "torch's tanh"])
@pytest.mark.parametrize(("name", "choice"), KINDS)
def test_float32_is_close_to_float64(
    name: str, choice: str | None, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "tanh_is_slow", lambda: slow)
    exact = make_cells(name, choice, 3)
    close = [deepcopy(cell).float() for cell in exact]
    drawn = draw(exact[0], "first, padded", 3, 8, 1)
    rounded = drawn._replace(
        sequence=drawn.sequence.detach().float().requires_grad_(),
        state=tuple(part.detach().float().requires_grad_() for part in drawn.state),
        pad_input=cast(Tensor, drawn.pad_input).detach().float().requires_grad_(),
    )
    grad_outputs = torch.randn(STEPS, 3, UNITS, 8, dtype=torch.float64)
    compare(run(close, rounded, grad_outputs), run(exact, drawn, grad_outputs), 5e-6)


@pytest.mark.parametrize("name", CELLS)
def test_the_inputs_are_not_changed(name: str) -> None:
    cells = make_cells(name, None, 2)
    readout = torch.randn(2, UNITS, UNITS).double().requires_grad_(), torch.randn(2, UNITS).double().requires_grad_()
    for shown, batch, read in product(("first, padded", "some, repeated", "first"), (1, 3), (None, readout)):
        drawn = draw(cells[0], shown, 2, batch, SHOWN[shown])._replace(readout=read)
        before = [part.detach().clone() for part in drawn.leaves(cells)]
        grad_outputs = torch.randn(STEPS, 2, UNITS, batch, dtype=torch.float64)
        first = run(cells, drawn, grad_outputs, repeat_last="repeated" in shown)
        assert all(map(torch.equal, drawn.leaves(cells), before))
        again = run(cells, drawn, grad_outputs, repeat_last="repeated" in shown)
        assert all(map(torch.equal, (first[0], *first[1]), (again[0], *again[1])))


@pytest.mark.parametrize("name", CELLS)
def test_without_gradients_the_outputs_are_the_same(name: str) -> None:
    cells = make_cells(name, None, 2)
    inputs = stacked_inputs(cells, draw(cells[0], "first, padded", 2, 3, 1))
    wanted = run_recurrence(the_kernel(cells), inputs, steps=STEPS)
    with torch.no_grad():
        found = run_recurrence(the_kernel(cells), inputs, steps=STEPS)
    assert torch.equal(found, wanted)


def test_a_second_gradient_is_refused() -> None:
    cells = make_cells("gru", None, 2)
    drawn = draw(cells[0], "first", 2, 3, 1)
    outputs = run_recurrence(the_kernel(cells), stacked_inputs(cells, drawn), steps=STEPS)

    def second_gradient() -> None:
        gradients = torch.autograd.grad(outputs.square().sum(), drawn.leaves(cells), create_graph=True)
        torch.autograd.grad(gradients[0].sum(), drawn.leaves(cells))

    with pytest.raises(RuntimeError):
        second_gradient()


@pytest.fixture
def eight_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def test_networks_of_nan_leave_the_gradients_of_others_as_they_are(eight_threads: None) -> None:
    cells = [cell.float() for cell in make_cells("gru", None, 8)]
    drawn = draw(cells[0], "first indices", 8, 300, 1)  # more than one slice of four tiles, the last tile partly filled
    drawn = drawn._replace(state=tuple(part.detach().float() for part in drawn.state))
    grad_outputs = torch.randn(STEPS, 8, UNITS, 300)

    def parameter_gradients() -> list[Tensor]:
        outputs = run_recurrence(the_kernel(cells), stacked_inputs(cells, drawn), steps=STEPS)
        parameters = [parameter for cell in cells[1::2] for parameter in cell.parameters()]
        return list(torch.autograd.grad((outputs * grad_outputs).sum(), parameters))

    wanted = parameter_gradients()
    with torch.no_grad():
        for cell in cells[::2]:
            cell.weight_input.fill_(float("nan"))
    for _ in range(40):  # which thread computes which samples is left to chance
        torch.testing.assert_close(parameter_gradients(), wanted)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
def test_indices_may_have_any_integer_type(dtype: torch.dtype) -> None:
    cells = make_cells("gru", None, 2)
    drawn = draw(cells[0], "every indices", 2, 6, STEPS)
    grad_outputs = torch.randn(STEPS, 2, UNITS, 6, dtype=torch.float64)
    found = run(cells, drawn._replace(sequence=drawn.sequence.to(dtype)), grad_outputs)
    compare(found, run(cells, drawn, grad_outputs), 0)


@pytest.mark.parametrize("wrong", [-1, FEATURES])
def test_an_index_beyond_the_input_size_is_rejected(wrong: int) -> None:
    cells = make_cells("gru", None, 2)
    drawn = draw(cells[0], "first indices", 2, 6, 1)
    drawn.sequence[0, 1, 2, 0] = wrong
    with pytest.raises(ValueError, match=rf"inputs must be indices in \[0, {FEATURES - 1}\], got {wrong}"):
        run_recurrence(the_kernel(cells), stacked_inputs(cells, drawn), steps=STEPS)


def test_a_sequence_is_read_in_the_type_of_the_weights() -> None:
    cells = [cell.float() for cell in make_cells("gru", None, 2)]
    drawn = draw(cells[0], "first", 2, 6, 1)
    state = tuple(part.detach().float().requires_grad_() for part in drawn.state)
    grad_outputs = torch.randn(STEPS, 2, UNITS, 6)
    sequence = drawn.sequence.detach()
    wanted = run(cells, drawn._replace(state=state, sequence=sequence.float().requires_grad_()), grad_outputs)
    found = run(cells, drawn._replace(state=state, sequence=sequence.requires_grad_()), grad_outputs)
    compare(found, wanted, 0)
