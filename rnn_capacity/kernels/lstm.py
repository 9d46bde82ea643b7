"""Hand-written forward and backward step of the long short-term memory for K networks."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import Projected, State
from rnn_capacity.kernels.activations import ACTIVATION_KERNELS, sigmoid_backward
from rnn_capacity.kernels.linear import recurrent_linear_, recurrent_linear_backward
from rnn_capacity.kernels.step import BackwardArguments, GradState, Saved, StepKernel, sum_gradients

TANH = ACTIVATION_KERNELS["tanh"]


class LSTMKernel(StepKernel):
    """Hand-written forward and backward step of `LSTMCell` for K networks."""

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """Compute the new state (h, c) of one time step."""
        previous, previous_cell = state
        size = self.hidden_size
        gates = recurrent_linear_(projected[0], previous, weights[0])
        sigmoids, candidate = torch.split(gates, [3 * size, size], dim=1)
        sigmoids.sigmoid_()
        self.activation.in_place(candidate)
        input_gate, forget_gate, output_gate = sigmoids.chunk(3, dim=1)
        cell_state = (forget_gate * previous_cell).addcmul_(input_gate, candidate)
        tanh_cell = TANH.in_place(cell_state.clone())
        hidden = output_gate * tanh_cell
        return hidden, (hidden, cell_state), (previous, previous_cell, sigmoids, candidate, tanh_cell)

    def backward_step(self, arguments: BackwardArguments) -> GradState:
        """Compute the gradients of one time step with respect to the previous state (h', c')."""
        previous, previous_cell, sigmoids, candidate, tanh_cell = arguments.saved
        (grad_state, grad_cell_state), (grad_gates,) = arguments.grad_state, arguments.grad_projected
        size = self.hidden_size
        input_gate, forget_gate, output_gate = sigmoids.chunk(3, dim=1)
        grad_sigmoids, grad_candidate = torch.split(grad_gates, [3 * size, size], dim=1)
        grad_input_gate, grad_forget_gate, grad_output_gate = grad_sigmoids.chunk(3, dim=1)
        grad_hidden = sum_gradients(arguments.grad_output, grad_state)
        torch.mul(grad_hidden, tanh_cell, out=grad_output_gate)
        grad_cell = grad_hidden * output_gate
        TANH.backward(grad_cell, tanh_cell, grad_input=grad_cell)
        if grad_cell_state is not None:
            grad_cell.add_(grad_cell_state)
        torch.mul(grad_cell, candidate, out=grad_input_gate)
        torch.mul(grad_cell, previous_cell, out=grad_forget_gate)
        torch.mul(grad_cell, input_gate, out=grad_candidate)
        self.activation.backward(grad_candidate, candidate, grad_input=grad_candidate)
        sigmoid_backward(grad_sigmoids, sigmoids, grad_input=grad_sigmoids)
        grad_cell.mul_(forget_gate)
        if previous_cell.shape[-1] == 1:
            grad_cell = grad_cell.sum(-1, keepdim=True)
        (weight,), (grad_weight,) = arguments.weights, arguments.grad_weights
        return recurrent_linear_backward(grad_gates, previous, weight, grad_weight), grad_cell
