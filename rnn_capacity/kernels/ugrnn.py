"""Hand-written forward and backward step of the update-gate RNN for K networks."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import Projected, State
from rnn_capacity.kernels.linear import recurrent_linear_, recurrent_linear_backward
from rnn_capacity.kernels.step import BackwardArguments, GradState, Saved, StepKernel, sum_gradients


class UGRNNKernel(StepKernel):
    """Hand-written forward and backward step of `UGRNNCell` for K networks."""

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """Compute the new state h of one time step."""
        (previous,) = state
        gate, candidate = recurrent_linear_(projected[0], previous, weights[0]).chunk(2, dim=1)
        gate.sigmoid_()
        self.activation.in_place(candidate)
        hidden = torch.lerp(candidate, previous, gate)
        return hidden, (hidden,), (previous, gate, candidate, hidden)

    def backward_step(self, arguments: BackwardArguments) -> GradState:
        """Compute the gradient of one time step with respect to the previous state h'."""
        previous, gate, candidate, hidden = arguments.saved
        (grad_state,), (grad_gates,) = arguments.grad_state, arguments.grad_projected
        grad_gate, grad_candidate = grad_gates.chunk(2, dim=1)
        grad_hidden = sum_gradients(arguments.grad_output, grad_state)
        torch.addcmul(grad_hidden, grad_hidden, gate, value=-1, out=grad_candidate)
        grad_previous = torch.mul(grad_hidden, gate, out=grad_state)
        self.activation.backward(grad_candidate, candidate, grad_input=grad_candidate)
        torch.sub(previous, hidden, out=grad_gate).mul_(grad_previous)  # (h' - c)·g'(·) = (h' - h)·g
        (weight,), (grad_weight,) = arguments.weights, arguments.grad_weights
        return (recurrent_linear_backward(grad_gates, previous, weight, grad_weight, grad_previous),)
