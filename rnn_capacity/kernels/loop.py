"""The loop over time that runs a cell's hand-written step, forward and backward through time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_capacity.cells import Projected
from rnn_capacity.kernels.inputs import RecurrenceInputs
from rnn_capacity.kernels.linear import batched_linear, batched_linear_backward, batched_linear_grad_input
from rnn_capacity.kernels.step import BackwardArguments, GradState, StepKernel


@dataclass(frozen=True)
class TimeLoop:
    """Runs the hand-written step of a cell over all time steps, forward and backward through time.

    The fields are arguments of `run_recurrence`.
    """

    kernel: StepKernel
    steps: int
    warmup: int
    repeat_last: bool

    def forward(self, inputs: RecurrenceInputs, outputs: Tensor) -> list[Tensor]:
        """Run all time steps forward, write the outputs, and return the tensors that `backward` needs.

        Args:
            inputs: The networks' tensors.
            outputs: Filled with the outputs of the steps after warmup, (T - warmup, K, features, batch).

        Returns:
            What `backward` needs: each step's saved tensors and, where a readout reads it, the step's output.
        """
        saved: list[Tensor] = []
        state = inputs.state
        for time, projected in enumerate(self._projected(inputs, batch=outputs.shape[-1])):
            output, state, step_saved = self.kernel.forward_step(projected, state, inputs.recurrent_weights)
            saved += step_saved
            if time >= self.warmup:
                if inputs.readout is not None:
                    saved.append(output)
                    output = batched_linear(output, *inputs.readout)
                outputs[time - self.warmup] = output
        return saved

    def _projected(self, inputs: RecurrenceInputs, batch: int) -> Iterator[Projected]:
        """Yield W_x x + b of each time step, computed just before the step runs, so that it is still in the cache."""
        weight, bias = inputs.weight_input, inputs.bias
        times = len(inputs.sequence)
        repeats = self.repeat_last and times < self.steps
        repeated: Tensor | None = None
        for time, x in enumerate(inputs.sequence.unbind(0)):
            gates = batched_linear(x, weight, bias)
            if repeats and time == times - 1:
                repeated = gates.clone()  # a step overwrites its projected input
            yield (gates, x) if self.kernel.reads_input else (gates,)
        if times == self.steps:
            return
        padding = inputs.sequence[-1] if repeats else inputs.pad_input
        if padding is None and self.kernel.reads_input:
            padding = bias.new_zeros(len(bias), weight.shape[2], 1)
        if repeated is None:
            repeated = bias.unsqueeze(-1) if padding is None else batched_linear(padding, weight, bias)
        writable = repeats or batch == 1  # otherwise all samples share it
        for _ in range(times, self.steps):
            gates = repeated.clone() if writable else repeated
            yield (gates,) if padding is None or not self.kernel.reads_input else (gates, padding)

    def backward(
        self,
        inputs: RecurrenceInputs,
        gradients: RecurrenceInputs,
        saved: tuple[Tensor, ...],
        grad_outputs: Tensor,
        workspace: tuple[Tensor, ...],
    ) -> None:
        """Run backpropagation through time and add the results to the gradients of all inputs in place.

        Args:
            inputs: The networks' tensors.
            gradients: Gradients of these, changed in place; an empty sequence gets none.
            saved: What `forward` returned.
            grad_outputs: Gradient of the outputs, (T - warmup, K, features, batch).
            workspace: Memory for the gradients of a step's output and of its projected input, (K, features, batch)
                each; all steps use the same, so that it stays in the cache.
        """
        times = len(inputs.sequence)
        left = list(saved)
        outputs_saved = 0 if inputs.readout is None else self.steps - self.warmup
        saved_by_step = (len(saved) - outputs_saved) // self.steps
        grad_output_workspace, *grad_projected = (part[: len(inputs.bias)] for part in workspace)
        repeats = self.repeat_last and times < self.steps
        grad_repeated = [torch.zeros_like(part) for part in grad_projected] if repeats else []
        grad_state: GradState = (None,) * len(inputs.state)
        for time in reversed(range(self.steps)):
            grad_output = grad_outputs[time - self.warmup] if time >= self.warmup else None
            if grad_output is not None and inputs.readout is not None and gradients.readout is not None:
                output = left.pop()
                batched_linear_backward(output, grad_output, *gradients.readout)
                weight = inputs.readout[0]
                grad_output = batched_linear_grad_input(output, grad_output, weight, grad_output_workspace)
            arguments = BackwardArguments(
                saved=tuple(left[-saved_by_step:]),
                grad_output=grad_output,
                grad_state=grad_state,
                weights=inputs.recurrent_weights,
                grad_weights=gradients.recurrent_weights,
                grad_projected=tuple(grad_projected),
            )
            del left[-saved_by_step:]
            grad_state = self.kernel.backward_step(arguments)
            if repeats and time >= times:
                for total, part in zip(grad_repeated, grad_projected, strict=True):
                    total.add_(part)
                continue
            if repeats and time == times - 1:
                for total, part in zip(grad_repeated, grad_projected, strict=True):
                    part.add_(total)
            self._project_backward(time, inputs, gradients, grad_projected)
        for part, grad_part in zip(gradients.state, grad_state, strict=True):
            if grad_part is not None:
                part.copy_(grad_part)

    def _project_backward(
        self, time: int, inputs: RecurrenceInputs, gradients: RecurrenceInputs, grad_projected: list[Tensor]
    ) -> None:
        """Add the contribution of one time step to the gradients of x, W_x and b."""
        x, grad_x = inputs.pad_input, gradients.pad_input
        if time < len(inputs.sequence):
            x, grad_x = inputs.sequence[time], gradients.sequence[time] if len(gradients.sequence) else None
        else:
            grad_projected = [part.sum(-1, keepdim=True) for part in grad_projected]
        grad_gates, *grad_read = grad_projected
        if x is None:
            gradients.bias.add_(grad_gates.squeeze(-1))
            return
        batched_linear_backward(x, grad_gates, gradients.weight_input, gradients.bias)
        if grad_x is not None:
            grad_x.add_(batched_linear_grad_input(x, grad_gates, inputs.weight_input))
            for part in grad_read:
                grad_x.add_(part if len(x) == len(grad_gates) else part.sum(0, keepdim=True))
