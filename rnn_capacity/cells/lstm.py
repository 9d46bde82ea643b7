"""The long short-term memory."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rnn_capacity.cells.activations import ACTIVATIONS, sigmoid_slope
from rnn_capacity.cells.base import Ahead, Projected, Saved, State
from rnn_capacity.cells.gated import GatedCell, total

TANH = ACTIVATIONS["tanh"]


class LSTMCell(GatedCell):
    """The long short-term memory without peepholes (Collins et al. 2017, eq. 9-14).

    i, f and o are sigmoids of their gates, f with b_fg inside; c = f·c' + i·s(W_ch h' + W_cx x + b_c); h = o·tanh(c).
    With s = tanh it is `torch.nn.LSTM`, b_fg folded into the forget gate's bias.
    """

    gates = ("input", "forget", "output", "candidate")
    forget_gates = ("forget",)
    state_names: ClassVar[tuple[str, ...]] = ("h", "c")

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        """One time step; the output is h, the state (h, c), each (batch, hidden_size)."""
        hidden, memory = state
        size = self.hidden_size
        gates, candidate = torch.split(
            self.recur(projected[0], hidden, self.weight_recurrent, mask), [3 * size, size], dim=-1
        )
        write, forget, read = torch.sigmoid(gates).chunk(3, dim=-1)
        memory = torch.addcmul(forget * memory, write, self.activation(candidate))
        hidden = read * torch.tanh(memory)
        return hidden, (hidden, memory)

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """One time step of K networks."""
        before, kept = state
        size = self.hidden_size
        gates = self.recur_in(projected[0], before, weights[0])
        sigmoids, candidate = torch.split(gates, [3 * size, size], dim=1)
        sigmoids.sigmoid_()
        self.activation.in_place(candidate)
        write, forget, read = sigmoids.chunk(3, dim=1)
        memory = (forget * kept).addcmul_(write, candidate)
        shown = TANH.in_place(memory.clone())
        hidden = read * shown
        return hidden, (hidden, memory), (before, kept, sigmoids, candidate, shown)

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
        before, kept, sigmoids, candidate, shown = saved
        size = self.hidden_size
        write, forget, read = sigmoids.chunk(3, dim=1)
        (gates,) = projected
        to_sigmoids, to_candidate = torch.split(gates, [3 * size, size], dim=1)
        to_write, to_forget, to_read = to_sigmoids.chunk(3, dim=1)
        slope, memory = total(above, ahead[0]), ahead[1]
        torch.mul(slope, shown, out=to_read)
        through = slope * read
        TANH.slope(through, shown, grad_input=through)
        if memory is not None:
            through.add_(memory)
        torch.mul(through, candidate, out=to_write)
        torch.mul(through, kept, out=to_forget)
        torch.mul(through, write, out=to_candidate)
        self.activation.slope(to_candidate, candidate, grad_input=to_candidate)
        sigmoid_slope(to_sigmoids, sigmoids, grad_input=to_sigmoids)
        through.mul_(forget)
        if kept.shape[-1] == 1:
            through = through.sum(-1, keepdim=True)
        return self.recur_back(gates, before, weights[0], gradients[0]), through
