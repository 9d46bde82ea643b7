"""Hand-written forward and backward step of the Intersection RNN for K networks."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import Projected, State
from rnn_capacity.kernels.activations import ACTIVATION_KERNELS
from rnn_capacity.kernels.linear import recurrent_linear_, recurrent_linear_backward
from rnn_capacity.kernels.step import BackwardArguments, GradState, Saved, StepKernel

RELU, TANH = ACTIVATION_KERNELS["relu"], ACTIVATION_KERNELS["tanh"]


class IntersectionRNNKernel(StepKernel):
    """Hand-written forward and backward step of `IntersectionRNNCell` for K networks."""

    reads_input = True

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """Compute the output y and the new state h of one time step."""
        gates, inputs = projected
        (previous,) = state
        size = self.hidden_size
        gates = recurrent_linear_(gates, previous, weights[0])
        mixing, y_in, h_in = torch.split(gates, [2 * size, size, size], dim=1)
        mixing.sigmoid_()
        RELU.in_place(y_in)
        TANH.in_place(h_in)
        y_gate, h_gate = mixing.chunk(2, dim=1)
        output = torch.lerp(y_in, inputs, y_gate)
        hidden = torch.lerp(h_in, previous, h_gate)
        return output, (hidden,), (previous, inputs, mixing, y_in, h_in, output, hidden)

    def backward_step(self, arguments: BackwardArguments) -> GradState:
        """Compute the gradient of one time step with respect to the previous state h'."""
        previous, inputs, mixing, y_in, h_in, output, hidden = arguments.saved
        grad_output, (grad_state,) = arguments.grad_output, arguments.grad_state
        grad_gates, grad_inputs = arguments.grad_projected
        size = self.hidden_size
        y_gate, h_gate = mixing.chunk(2, dim=1)
        grad_mixing, grad_y_in, grad_h_in = torch.split(grad_gates, [2 * size, size, size], dim=1)
        grad_y_gate, grad_h_gate = grad_mixing.chunk(2, dim=1)
        if grad_output is None:
            grad_inputs.zero_()
            grad_y_in.zero_()
            grad_y_gate.zero_()
        else:
            torch.mul(grad_output, y_gate, out=grad_inputs)
            torch.sub(grad_output, grad_inputs, out=grad_y_in)
            RELU.backward(grad_y_in, y_in, grad_input=grad_y_in)
            torch.sub(inputs, output, out=grad_y_gate).mul_(grad_inputs)  # (x - y_in)·g'(·) = (x - y)·g
        grad_previous = None
        if grad_state is None:
            grad_h_in.zero_()
            grad_h_gate.zero_()
        else:
            grad_previous = grad_state * h_gate
            torch.sub(grad_state, grad_previous, out=grad_h_in)
            TANH.backward(grad_h_in, h_in, grad_input=grad_h_in)
            torch.sub(previous, hidden, out=grad_h_gate).mul_(grad_previous)  # (h' - h_in)·g'(·) = (h' - h)·g
        (weight,), (grad_weight,) = arguments.weights, arguments.grad_weights
        return (recurrent_linear_backward(grad_gates, previous, weight, grad_weight, grad_previous),)
