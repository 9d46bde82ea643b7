"""The Intersection RNN (+RNN) cell."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells.base import Projected, State
from rnn_capacity.cells.gated import GatedCell


class IntersectionRNNCell(GatedCell):
    """The Intersection RNN, +RNN (Collins et al. 2017, eq. 15-20).

    y_in = relu(· + b_y), h_in = tanh(· + b_h), g_y = sigmoid(· + b_gy + b_fg,y), g_h = sigmoid(· + b_gh + b_fg,h),
    y = g_y·x + (1 - g_y)·y_in, h = g_h·h' + (1 - g_h)·h_in, where · is W h' + W x.

    The output y goes up the stack and the state h goes through time. y is mixed with the input, so both have the same
    size; a stack projects its input to the cell's units first. Arguments and errors are those of `GatedCell`.

    Example:
        >>> import torch
        >>> cell = IntersectionRNNCell(input_size=2, hidden_size=2, b_fg={"y_gate": 100.0, "h_gate": 0.0})
        >>> y, (h,) = cell(torch.ones(1, 2), (torch.zeros(1, 2),))
        >>> y.tolist()  # a gate of 1 passes the input up
        [[1.0, 1.0]]
    """

    gates = ("y_gate", "h_gate", "y", "h")
    forget_gates = ("y_gate", "h_gate")
    nonlinearities = ()
    equal_sizes = True
    min_network_depth = 2

    def project(self, inputs: Tensor) -> Projected:
        """Compute W_x x + b (+ b_fg) of all gates, (..., 4 * hidden_size), and return it with x, which y mixes in."""
        return (*super().project(inputs), inputs)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute the output y and the new state h of one time step, (batch, hidden_size) each."""
        gates, inputs = projected
        (hidden,) = state
        size = self.hidden_size
        mixing, y_in, h_in = torch.split(
            self.recur(gates, hidden, self.weight_recurrent, mask), [2 * size, size, size], dim=-1
        )
        y_gate, h_gate = torch.sigmoid(mixing).chunk(2, dim=-1)
        output = torch.lerp(torch.relu(y_in), inputs, y_gate)
        hidden = torch.lerp(torch.tanh(h_in), hidden, h_gate)
        return output, (hidden,)
