"""Hand-written forward and backward step of the RNN and the IRNN for K networks."""

from __future__ import annotations

from torch import Tensor

from rnn_capacity.cells import Projected, State
from rnn_capacity.kernels.linear import recurrent_linear_, recurrent_linear_backward
from rnn_capacity.kernels.step import BackwardArguments, GradState, Saved, StepKernel, sum_gradients


class RNNKernel(StepKernel):
    """Hand-written forward and backward step of `RNNCell` and `IRNNCell` for K networks."""

    def forward_step(
        self, projected: Projected, state: State, weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, State, Saved]:
        """Compute the new state h of one time step."""
        (previous,) = state
        hidden = self.activation.in_place(recurrent_linear_(projected[0], previous, weights[0]))
        return hidden, (hidden,), (previous, hidden)

    def backward_step(self, arguments: BackwardArguments) -> GradState:
        """Compute the gradient of one time step with respect to the previous state h'."""
        previous, hidden = arguments.saved
        (grad_state,), (grad_gates,) = arguments.grad_state, arguments.grad_projected
        grad_hidden = sum_gradients(arguments.grad_output, grad_state)
        self.activation.backward(grad_hidden, hidden, grad_input=grad_gates)
        (weight,), (grad_weight,) = arguments.weights, arguments.grad_weights
        return (recurrent_linear_backward(grad_gates, previous, weight, grad_weight, workspace=grad_state),)
