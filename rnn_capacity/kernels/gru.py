"""Hand-written forward and backward step of the gated recurrent unit for K networks."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import Projected, State
from rnn_capacity.kernels.activations import sigmoid_backward
from rnn_capacity.kernels.linear import recurrent_linear_, recurrent_linear_backward
from rnn_capacity.kernels.step import BackwardArguments, GradState, Saved, StepKernel, sum_gradients


class GRUKernel(StepKernel):
    """Hand-written forward and backward step of `GRUCell` for K networks."""

    recurrent_weights = ("weight_recurrent", "weight_candidate")

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """Compute the new state h of one time step."""
        (previous,) = state
        size = self.hidden_size
        gates, candidate = torch.split(projected[0], [2 * size, size], dim=1)
        gates = recurrent_linear_(gates, previous, weights[0]).sigmoid_()
        reset, update = gates.chunk(2, dim=1)
        reset_hidden = reset * previous
        candidate = self.activation.in_place(recurrent_linear_(candidate, reset_hidden, weights[1]))
        hidden = torch.lerp(candidate, previous, update)
        return hidden, (hidden,), (previous, gates, reset_hidden, candidate, hidden)

    def backward_step(self, arguments: BackwardArguments) -> GradState:
        """Compute the gradient of one time step with respect to the previous state h'."""
        previous, gates, reset_hidden, candidate, hidden = arguments.saved
        weights, grad_weights = arguments.weights, arguments.grad_weights
        (grad_state,), (grad_projected,) = arguments.grad_state, arguments.grad_projected
        size = self.hidden_size
        reset, update = gates.chunk(2, dim=1)
        grad_gates, grad_candidate = torch.split(grad_projected, [2 * size, size], dim=1)
        grad_reset, grad_update = grad_gates.chunk(2, dim=1)
        grad_hidden = sum_gradients(arguments.grad_output, grad_state)
        torch.addcmul(grad_hidden, grad_hidden, update, value=-1, out=grad_candidate)
        grad_previous = torch.mul(grad_hidden, update, out=grad_state)
        self.activation.backward(grad_candidate, candidate, grad_input=grad_candidate)
        torch.sub(previous, hidden, out=grad_update).mul_(grad_previous)  # (h' - c)·u'(·) = (h' - h)·u
        grad_reset_hidden = recurrent_linear_backward(grad_candidate, reset_hidden, weights[1], grad_weights[1])
        torch.mul(grad_reset_hidden, previous, out=grad_reset)
        grad_previous.addcmul_(grad_reset_hidden, reset)
        sigmoid_backward(grad_reset, reset, grad_input=grad_reset)
        return (recurrent_linear_backward(grad_gates, previous, weights[0], grad_weights[0], grad_previous),)
