"""The gradient that a cell writes by itself is that of autograd through its `step`."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any, NamedTuple, cast

import pytest
import torch
from torch import Tensor

from rnn_capacity.cells import CELLS, Cell, activations
from rnn_capacity.models import RecurrentNetwork, recurrence, stacked
from rnn_capacity.models.unroll import unroll

KINDS = [(name, choice) for name, kind in CELLS.items() for choice in kind.nonlinearities or (None,)]
STEPS, FEATURES, UNITS = 5, 3, 4


def by_autograd(kind: type[Cell]) -> type[Cell]:
    """The same cell, of which torch is to find the gradient."""
    return type(f"{kind.__name__}ByAutograd", (kind,), {"step": kind.step})


def cells(
    name: str, choice: str | None, members: int, dtype: torch.dtype = torch.float64, seed: int = 0
) -> tuple[Cell, Cell]:
    """The stacked weights of some networks' one layer, in a cell with its gradient and in one without."""
    random = torch.Generator().manual_seed(seed)
    kind = CELLS[name]
    features = UNITS if kind.equal_sizes else FEATURES
    networks = []
    for member in range(members):
        network = RecurrentNetwork(
            kind,
            kind.min_network_depth,
            features,
            UNITS,
            1,
            nonlinearity=choice,
            seed=member,
            cell_options={"b_fg": 0.5 * member},
        ).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=random, dtype=torch.float64))
        networks.append(network.to(dtype))
    own = cast(Cell, stacked(networks).stack.cells[0])
    plain = deepcopy(own)
    plain.__class__ = by_autograd(kind)
    assert own.has_gradient
    assert not plain.has_gradient
    return own, plain


class Drawn(NamedTuple):
    """What a cell runs on."""

    inputs: Tensor
    state: tuple[Tensor, ...]
    beyond: Tensor | None
    readout: tuple[Tensor, Tensor] | None = None

    def leaves(self, cell: Cell) -> list[Tensor]:
        parts = [*cell.parameters(), *self.state, self.inputs, self.beyond, *(self.readout or ())]
        return [part for part in parts if part is not None and part.requires_grad]


def drawn(cell: Cell, shown: str, members: int, batch: int, times: int, dtype: torch.dtype = torch.float64) -> Drawn:
    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype, requires_grad=True)

    own = 1 if "shared" in shown else members
    if "indices" in shown:
        inputs = torch.randint(cell.input_size, (times, own, batch, 2))
    else:
        inputs = leaf(times, own, batch, cell.input_size)
    state = tuple(leaf(members, 1, UNITS) for _ in cell.state_names)
    return Drawn(inputs, state, leaf(members, 1, cell.input_size) if "beyond" in shown else None)


def run(cell: Cell, given: Drawn, above: Tensor, **options: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Outputs, and the gradients of `above` times their last ones to all that has any."""
    outputs, _ = unroll(cell, given.inputs, given.state, STEPS, beyond=given.beyond, readout=given.readout, **options)
    total = (outputs * above[STEPS - len(outputs) :].to(outputs)).sum()
    return outputs.detach(), torch.autograd.grad(total, given.leaves(cell), materialize_grads=True)


def compare(one: tuple[Tensor, tuple[Tensor, ...]], two: tuple[Tensor, tuple[Tensor, ...]], tolerance: float) -> None:
    for found, wanted in zip((one[0], *one[1]), (two[0], *two[1]), strict=True):
        size = max(1.0, float(wanted.abs().max()))
        torch.testing.assert_close(found.to(wanted), wanted, rtol=0, atol=tolerance * size)


SHOWN = {
    "first": 1,
    "first, beyond": 1,
    "some, beyond": 3,
    "every": STEPS,
    "first, held": 1,
    "some, held": 3,
    "every, held": STEPS,
    "first shared": 1,
    "some shared, beyond": 2,
    "some shared, held": 2,
    "first indices": 1,
    "some indices, held": 2,
    "every indices": STEPS,
    "every shared indices": STEPS,
}


def takes(name: str, shown: str) -> bool:
    return not (CELLS[name].passes_input and "indices" in shown)  # the stack projects its input first


@pytest.mark.parametrize(
    ("name", "choice", "shown"), [(*kind, shown) for kind, shown in product(KINDS, SHOWN) if takes(kind[0], shown)]
)
def test_outputs_and_gradients_are_those_of_autograd(name: str, choice: str | None, shown: str) -> None:
    for members, batch in ((3, 4), (3, 1), (1, 4), (1, 1)):
        own, plain = cells(name, choice, members)
        given = drawn(own, shown, members, batch, SHOWN[shown])
        above = torch.randn(STEPS, members, batch, UNITS, dtype=torch.float64)
        for warmup in (0, 2, STEPS - 1):
            options = {"warmup": warmup, "repeat_last": "held" in shown}
            compare(run(own, given, above, **options), run(plain, given, above, **options), 1e-12)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", CELLS)
def test_a_readout_on_the_way(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    members, batch = 5, 4
    own, plain = cells(name, None, members)
    for shown, warmup in product(("first, beyond", "every", "some shared, held"), (0, 2, STEPS - 1)):
        weight = torch.randn(members, size, UNITS, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(members, size, dtype=torch.float64, requires_grad=True)
        given = drawn(own, shown, members, batch, SHOWN[shown])._replace(readout=(weight, bias))
        above = torch.randn(STEPS, members, batch, size, dtype=torch.float64)
        options = {"warmup": warmup, "repeat_last": "held" in shown}
        wanted = run(plain, given, above, **options)
        for tile_bytes in (2**20, members * batch * UNITS * 8 // 2):
            monkeypatch.setattr(recurrence, "TILE_BYTES", tile_bytes)
            compare(run(own, given, above, **options), wanted, 1e-12)


@pytest.mark.parametrize("shown", ["some shared, beyond", "some shared, held", "some, beyond", "every indices"])
@pytest.mark.parametrize("name", CELLS)
def test_a_few_networks_at_a_time(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown if takes(name, shown) else "every"
    members, batch = 5, 3
    own, plain = cells(name, None, members)
    given = drawn(own, shown, members, batch, SHOWN[shown])
    above = torch.randn(STEPS, members, batch, UNITS, dtype=torch.float64)
    wanted = run(plain, given, above, repeat_last="held" in shown, warmup=1)
    step_bytes = members * batch * own.input_weights()[0].shape[1] * 8
    for size, parts in ((step_bytes, [5]), (step_bytes // 2, [1, 2, 2]), (step_bytes * 2 // 3, [2, 3]), (1, [1] * 5)):
        monkeypatch.setattr(recurrence, "TILE_BYTES", size)
        weight, bias = own.input_weights()
        flat = recurrence.Given(weight, bias, own.recurrent_weights(), given.state, given.inputs, given.beyond, None)
        tiles = list(recurrence.Span(own, STEPS, 1, False, batch).tiles(flat))
        assert sorted(tile.stop - tile.start for tile in tiles) == parts
        compare(run(own, given, above, repeat_last="held" in shown, warmup=1), wanted, 1e-12)


@pytest.mark.parametrize("fast", [True, False], ids=["fast tanh", "torch's tanh"])
@pytest.mark.parametrize(("name", "choice"), KINDS)
def test_float32_is_close_to_float64(
    name: str, choice: str | None, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "tanh_is_slow", lambda: fast)
    exact, _ = cells(name, choice, 3)
    close, _ = cells(name, choice, 3, torch.float32)
    given = drawn(exact, "first, beyond", 3, 8, 1)
    rounded = Drawn(*[torch.tensor([])] * 2, None)._replace(
        inputs=given.inputs.detach().float().requires_grad_(),
        state=tuple(part.detach().float().requires_grad_() for part in given.state),
        beyond=None if given.beyond is None else given.beyond.detach().float().requires_grad_(),
    )
    above = torch.randn(STEPS, 3, 8, UNITS, dtype=torch.float64)
    compare(run(close, rounded, above), run(exact, given, above), 5e-6)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_given_is_changed(name: str) -> None:
    own, _ = cells(name, None, 2)
    readout = torch.randn(2, UNITS, UNITS).double().requires_grad_(), torch.randn(2, UNITS).double().requires_grad_()
    for shown, batch, read in product(("first, beyond", "some, held", "first"), (1, 3), (None, readout)):
        given = drawn(own, shown, 2, batch, SHOWN[shown])._replace(readout=read)
        before = [part.detach().clone() for part in given.leaves(own)]
        above = torch.randn(STEPS, 2, batch, UNITS, dtype=torch.float64)
        first = run(own, given, above, repeat_last="held" in shown)
        assert all(map(torch.equal, given.leaves(own), before))
        again = run(own, given, above, repeat_last="held" in shown)
        assert all(map(torch.equal, (first[0], *first[1]), (again[0], *again[1])))


@pytest.mark.parametrize("name", CELLS)
def test_without_gradients_the_outputs_are_the_same(name: str) -> None:
    own, _ = cells(name, None, 2)
    given = drawn(own, "first, beyond", 2, 3, 1)
    wanted, _ = unroll(own, given.inputs, given.state, STEPS, beyond=given.beyond)
    with torch.no_grad():
        found, _ = unroll(own, given.inputs, given.state, STEPS, beyond=given.beyond)
    assert torch.equal(found, wanted)


def test_a_second_gradient_is_refused() -> None:
    own, _ = cells("gru", None, 2)
    given = drawn(own, "first", 2, 3, 1)
    outputs, _ = unroll(own, given.inputs, given.state, STEPS)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(outputs.square().sum(), given.leaves(own), create_graph=True)
