"""A cell of K networks through time, with the gradient that the cell writes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from rnn_capacity.cells import Cell, State
from rnn_capacity.cells.affine import Affine, samples_back, stacked_affine, stacked_affine_back

TILE_BYTES = 7 * 2**17
"""About what a thread's share of the gates of one step takes; where it is more, the networks run a few at a time, so
that a step finds in the cache what the one before it wrote."""


class Given(NamedTuple):
    """What a recurrence runs on, or the gradients to these."""

    weight: Tensor
    """W_x, (K, rows, input_size)."""

    bias: Tensor
    """b, with b_fg, (K, rows)."""

    weights: tuple[Tensor, ...]
    """The recurrent ones, each (K, ...)."""

    state: State
    """Before the first step, each (K, hidden_size, 1)."""

    inputs: Tensor
    """(time, K or 1, input_size, batch), or indices (time, K or 1, batch, k)."""

    beyond: Tensor | None
    """The input after these, (K, input_size, 1); None is zero, or the last of them."""

    readout: Affine | None
    """(K, output_size, hidden_size) and (K, output_size); None leaves the outputs unread."""

    def of(self, members: slice) -> Given:
        """Some of the networks'."""
        shared = self.inputs.shape[1] < len(self.weight)
        return Given(
            self.weight[members],
            self.bias[members],
            tuple(part[members] for part in self.weights),
            tuple(part[members] for part in self.state),
            self.inputs if shared else self.inputs[:, members],
            None if self.beyond is None else self.beyond[members],
            None if self.readout is None else (self.readout[0][members], self.readout[1][members]),
        )

    def flat(self) -> list[Tensor | None]:
        """One tensor after another."""
        readout = self.readout or (None, None)
        return [self.weight, self.bias, *self.weights, *self.state, self.beyond, *readout, self.inputs]


def regrouped(cell: Cell, flat: tuple[Any, ...]) -> Given:
    """What `Given.flat` took apart."""
    weight, bias, *others, beyond, read_weight, read_bias, inputs = flat
    states = len(cell.state_names)
    readout = None if read_weight is None else (read_weight, read_bias)
    return Given(weight, bias, tuple(others[:-states]), tuple(others[-states:]), inputs, beyond, readout)


def recurrence(
    cell: Cell,
    inputs: Tensor,
    state: State,
    steps: int,
    warmup: int,
    beyond: Tensor | None,
    repeat_last: bool,
    readout: Affine | None = None,
) -> Tensor:
    """Run a cell with `has_gradient` and the stacked weights of K networks.

    Autograd would record every operation of every step, and each would go through memory; here it sees one. The readout
    is part of it, so that outputs are read while they are in the cache and are kept nowhere else.

    Args:
        cell: The cell.
        inputs: (time, K or 1, batch, input_size), or indices (time, K or 1, batch, k).
        state: Before the first step, each (K, 1, hidden_size).
        steps: Steps T.
        warmup: First steps whose outputs are not returned.
        beyond: The input after these, (K, 1, input_size); None is zero.
        repeat_last: Whether the last input goes on at the steps after it.
        readout: The matrices, (K, output_size, hidden_size), and biases, (K, output_size), that the outputs go through.

    Returns:
        The outputs, (T - warmup, K, batch, output_size), or hidden_size without a readout.
    """
    weight, bias = cell.input_weights()
    start = tuple(part.mT for part in state)
    samples = inputs.mT if inputs.is_floating_point() else inputs
    if beyond is None and cell.passes_input:
        beyond = weight.new_zeros(len(weight), 1, cell.input_size)
    after = None if beyond is None else beyond.mT
    given = Given(weight, bias, cell.recurrent_weights(), start, samples, after, readout)
    span = Span(cell, steps, warmup, repeat_last, batch=inputs.shape[2])
    return cast(Tensor, Recurrence.apply(span, *given.flat())).mT  # type: ignore[no-untyped-call]  # torch has it so


class Span(NamedTuple):
    """What runs, and for how long."""

    cell: Cell
    """The cell."""

    steps: int
    """Steps T."""

    warmup: int
    """First steps whose outputs are not returned."""

    repeat_last: bool
    """Whether the last input goes on at the steps after it."""

    batch: int
    """Samples of a network."""

    def tiles(self, given: Given) -> Iterator[slice]:
        """Networks that are to run together, a few at a time on a CPU."""
        members, rows, _ = given.weight.shape
        most = members
        if given.weight.device.type == "cpu":
            threads = torch.get_num_threads()
            row = self.batch * rows * given.weight.element_size()
            most = threads * max(1, TILE_BYTES // row)  # each thread has as many
        yield from (slice(first, min(first + most, members)) for first in range(0, members, most))

    def forward(self, given: Given, outputs: Tensor) -> Iterator[Tensor]:
        """Fill in the outputs; gives what each step saves, and what is read of it, one tensor after another."""
        times = len(given.inputs)
        state = given.state
        held: Tensor | None = None
        for time in range(self.steps):
            if time < times:
                source: Tensor | None = given.inputs[time]
                gates = stacked_affine(given.inputs[time], given.weight, given.bias)
                if self.repeat_last and time == times - 1 < self.steps - 1:
                    held = gates.clone()
            elif held is not None:
                gates = held.clone()
            else:
                source = given.beyond
                gates = given.bias.unsqueeze(-1)
                if source is not None:
                    gates = stacked_affine(source, given.weight, given.bias)
                if self.batch == 1:
                    gates = gates.clone()
            projected = (gates, source) if self.cell.passes_input else (gates,)
            output, state, saved = self.cell.forward_step(cast(Any, projected), state, given.weights)
            yield from saved
            if time >= self.warmup:
                if given.readout is not None:
                    yield output
                    output = stacked_affine(output, *given.readout)
                outputs[time - self.warmup] = output

    def backward(
        self, given: Given, gradients: Given, saved: tuple[Tensor, ...], above: Tensor, room: tuple[Tensor, ...]
    ) -> None:
        """Add the gradients to what was given; those to the inputs only where there is room for them.

        Args:
            given: What ran.
            gradients: What to add to.
            saved: What `forward` gave.
            above: The gradient to its outputs.
            room: Memory for the gradients to a step's output and to its projected input; all steps and networks use the
                same, so that it stays in the cache.
        """
        times = len(given.inputs)
        left = list(saved)
        outputs = 0 if given.readout is None else self.steps - self.warmup
        width = (len(saved) - outputs) // self.steps
        members = len(given.weight)
        to_output, *to_projected = (part[:members] for part in room)
        held: list[Tensor] = []
        ahead: tuple[Tensor | None, ...] = (None,) * len(given.state)
        for time in reversed(range(self.steps)):
            projected = tuple(to_projected)
            onto = above[time - self.warmup] if time >= self.warmup else None
            if onto is not None and given.readout is not None and gradients.readout is not None:
                output = left.pop()
                stacked_affine_back(output, onto, *gradients.readout)
                onto = samples_back(output, onto, given.readout[0], to_output)
            own = tuple(left[-width:])
            del left[-width:]
            ahead = self.cell.backward_step(own, onto, ahead, projected, given.weights, gradients.weights)
            if time >= times and self.repeat_last:
                held = held or [torch.zeros_like(part) for part in projected]
                for part, more in zip(held, projected, strict=True):
                    part.add_(more)
                continue
            if time == times - 1 and held:
                projected = tuple(part.add_(more) for part, more in zip(held, projected, strict=True))
            source, to_source = given.beyond, gradients.beyond
            if time < times:
                source, to_source = given.inputs[time], gradients.inputs[time] if len(gradients.inputs) else None
            else:
                projected = tuple(part.sum(-1, keepdim=True) for part in projected)
            if source is None:
                gradients.bias.add_(projected[0].squeeze(-1))
                continue
            stacked_affine_back(source, projected[0], gradients.weight, gradients.bias)
            if to_source is not None:
                to_source.add_(samples_back(source, projected[0], given.weight))
                for part in projected[1:]:
                    to_source.add_(part if len(source) == members else part.sum(0, keepdim=True))
        for part, first in zip(gradients.state, ahead, strict=True):
            if first is not None:
                part.copy_(first)


class Recurrence(torch.autograd.Function):
    """What `recurrence` does, for autograd."""

    @staticmethod
    def forward(ctx: Any, span: Span, *flat: Tensor | None) -> Tensor:
        """All steps."""
        given = regrouped(span.cell, flat)
        rows = span.cell.hidden_size if given.readout is None else given.readout[0].shape[1]
        shape = (span.steps - span.warmup, len(given.weight), rows, span.batch)
        outputs = given.weight.new_empty(shape)
        saved = [part for tile in span.tiles(given) for part in span.forward(given.of(tile), outputs[:, tile])]
        ctx.span, ctx.count = span, len(flat)
        ctx.save_for_backward(*flat, *saved)
        return outputs

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        """All steps backwards."""
        span, tensors = ctx.span, ctx.saved_tensors
        given, saved = regrouped(span.cell, tensors[: ctx.count]), tensors[ctx.count :]
        wanted = ctx.needs_input_grad[-1]
        gradients = Given(
            zeros(given.weight),
            zeros(given.bias),
            tuple(map(zeros, given.weights)),
            tuple(map(zeros, given.state)),
            zeros(given.inputs) if wanted else given.inputs[:0],
            None if given.beyond is None else zeros(given.beyond),
            None if given.readout is None else (zeros(given.readout[0]), zeros(given.readout[1])),
        )
        tiles = list(span.tiles(given))
        share = len(saved) // len(tiles)
        above = above.contiguous()
        most, rows, columns = given.weight[tiles[0]].shape
        sizes = (span.cell.hidden_size, rows, *([columns] if span.cell.passes_input else []))
        room = tuple(given.weight.new_empty(most, size, span.batch) for size in sizes)
        for place, tile in reversed(list(enumerate(tiles))):  # what was written last may still be in the cache
            part = saved[place * share : (place + 1) * share]
            span.backward(given.of(tile), gradients.of(tile), part, above[:, tile], room)
        *rest, inputs = gradients.flat()
        return (None, *rest, inputs if wanted else None)


def zeros(like: Tensor) -> Tensor:
    """A sum to be, one piece of memory whatever it is of."""
    return torch.zeros_like(like, memory_format=torch.contiguous_format)
