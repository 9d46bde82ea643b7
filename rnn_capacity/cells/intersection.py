"""The Intersection RNN."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells.activations import ACTIVATIONS
from rnn_capacity.cells.base import Ahead, Projected, Saved, State
from rnn_capacity.cells.gated import GatedCell

RELU, TANH = ACTIVATIONS["relu"], ACTIVATIONS["tanh"]


class IntersectionRNNCell(GatedCell):
    """The Intersection RNN, +RNN (Collins et al. 2017, eq. 15-20).

    y_in = relu(· + b_y), h_in = tanh(· + b_h), g_y = sigmoid(· + b_gy + b_fg,y), g_h = sigmoid(· + b_gh + b_fg,h),
    y = g_y·x + (1 - g_y)·y_in, h = g_h·h' + (1 - g_h)·h_in, where · is W h' + W x.

    The output y goes up the stack and the state h goes through time. y is mixed with the input, so both have the same
    size; a stack projects its input to the cell's units first.
    """

    gates = ("y_gate", "h_gate", "y", "h")
    forget_gates = ("y_gate", "h_gate")
    nonlinearities = ()
    equal_sizes = True
    passes_input = True
    min_network_depth = 2

    def project(self, inputs: Tensor) -> Projected:
        """The gates' part, (..., 4 * hidden_size), and the input itself, which the output mixes in."""
        return (*super().project(inputs), inputs)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """One time step; the output is y, the state h, each (batch, hidden_size)."""
        gates, inputs = projected
        (hidden,) = state
        size = self.hidden_size
        mixing, up, through = torch.split(
            self.recur(gates, hidden, self.weight_recurrent, mask), [2 * size, size, size], dim=-1
        )
        y_gate, h_gate = torch.sigmoid(mixing).chunk(2, dim=-1)
        output = torch.lerp(torch.relu(up), inputs, y_gate)
        hidden = torch.lerp(torch.tanh(through), hidden, h_gate)
        return output, (hidden,)

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """One time step of K networks."""
        gates, inputs = projected
        (before,) = state
        size = self.hidden_size
        gates = self.recur_in(gates, before, weights[0])
        mixing, up, through = torch.split(gates, [2 * size, size, size], dim=1)
        mixing.sigmoid_()
        RELU.in_place(up)
        TANH.in_place(through)
        y_gate, h_gate = mixing.chunk(2, dim=1)
        output = torch.lerp(up, inputs, y_gate)
        hidden = torch.lerp(through, before, h_gate)
        return output, (hidden,), (before, inputs, mixing, up, through, output, hidden)

    def backward_step(
        self,
        saved: Saved,
        above: Tensor | None,
        ahead: Ahead,
        projected: Projected,
        weights: tuple[Tensor, ...],
        gradients: tuple[Tensor, ...],
    ) -> Ahead:
        """The way back."""
        before, inputs, mixing, up, through, output, hidden = saved
        size = self.hidden_size
        y_gate, h_gate = mixing.chunk(2, dim=1)
        gates, to_inputs = projected
        to_mixing, to_up, to_through = torch.split(gates, [2 * size, size, size], dim=1)
        to_y, to_h = to_mixing.chunk(2, dim=1)
        if above is None:
            to_inputs.zero_()
            to_up.zero_()
            to_y.zero_()
        else:
            torch.mul(above, y_gate, out=to_inputs)
            torch.sub(above, to_inputs, out=to_up)
            RELU.slope(to_up, up, grad_input=to_up)
            torch.sub(inputs, output, out=to_y).mul_(to_inputs)  # (x - y_in)·g'(·) = (x - y)·g
        kept = None
        if ahead[0] is None:
            to_through.zero_()
            to_h.zero_()
        else:
            kept = ahead[0] * h_gate
            torch.sub(ahead[0], kept, out=to_through)
            TANH.slope(to_through, through, grad_input=to_through)
            torch.sub(before, hidden, out=to_h).mul_(kept)
        return (self.recur_back(gates, before, weights[0], gradients[0], kept),)
