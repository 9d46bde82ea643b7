"""An ensemble of K networks with stacked parameters, run in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from rnn_capacity.cells import Cell, State
from rnn_capacity.cells.linear import multi_hot
from rnn_capacity.checks import check_minimum
from rnn_capacity.kernels import RecurrenceInputs, StepKernel, run_recurrence, step_kernel
from rnn_capacity.kernels.linear import linear_over_time
from rnn_capacity.models.network import RecurrentNetwork
from rnn_capacity.models.stack import check_sequence
from rnn_capacity.models.stacking import full_repr, layout, stack_networks


class NetworkEnsemble(nn.Module):
    """K networks of the same architecture whose stacked parameters run in one call.

    Every parameter and buffer of its `network` has a dimension K in front, and is a copy. The networks run by a step
    kernel where their cell has one (`rnn_capacity.kernels`), otherwise by `torch.func.vmap` of one network's code. It
    stands in for a `RecurrentNetwork` whose batch has K in front, but neither takes nor returns states.

    Args:
        networks: K networks of one cell, depth, size and options; their weights, b_fg and seeds may differ.

    Attributes:
        kernel: The step kernel; None if the networks run by vmap.

    Raises:
        ValueError: If there is no network, they differ in layout, or they have dropout, for which each would need
            random numbers of its own.

    Example:
        >>> import torch
        >>> from rnn_capacity.models import RecurrentNetwork
        >>> networks = [RecurrentNetwork("rnn", 1, 3, 4, 2, seed=seed) for seed in range(5)]
        >>> ensemble = NetworkEnsemble(networks)
        >>> inputs = torch.randn(1, 7, 6, 3)  # the same 7 samples for every network
        >>> outputs, _ = ensemble(inputs)
        >>> outputs.shape
        torch.Size([5, 7, 6, 2])
        >>> bool(torch.allclose(outputs[3], networks[3](inputs[0])[0], atol=1e-6))
        True
    """

    def __init__(self, networks: Sequence[RecurrentNetwork]) -> None:
        super().__init__()
        check_minimum(1, **{"number of networks": len(networks)})
        first = networks[0]
        form = layout(first)
        for place, network in enumerate(networks):
            if layout(network) != form:
                raise ValueError(
                    f"networks must have one cell, depth, size and options, got others in networks[{place}]"
                )
        for name in ("dropout", "recurrent_dropout"):
            if getattr(first.stack, name):
                raise ValueError(f"{name} must be 0 in an ensemble, got {getattr(first.stack, name):g}")
        self.network = stack_networks(networks)
        self.kernel = step_kernel(cast(Cell, first.stack.cells[0]))

    def forward(
        self,
        inputs: Tensor,
        state: None = None,
        *,
        steps: int | None = None,
        warmup: int = 0,
        repeat_last: bool = False,
    ) -> tuple[Tensor, list[State]]:
        """Run every network over time from its learned initial state; see `RecurrentNetwork.forward`.

        Args:
            inputs: (K or 1, batch, time, input_size), or integers (K or 1, batch, time, k), the indices of k ones; with
                1 in front all networks read the same samples.
            state: Must be None, the learned initial state; `Task.predict` passes it.
            steps: Time steps T to run; None is the inputs' own number. Steps beyond the inputs read zeros.
            warmup: Number of first steps whose outputs are not returned.
            repeat_last: Whether steps beyond the inputs read the last input instead of zeros.

        Returns:
            (K, batch, T - warmup, output_size), and no states.

        Raises:
            ValueError: If a state is given, the shapes do not fit, or `warmup` leaves no step.
        """
        if state is not None:
            raise ValueError(f"state must be None for an ensemble, got {type(state).__name__}")
        steps = check_sequence(inputs, ("networks", "batch", "time"), self.network.stack.input_size, steps, warmup)
        if self.kernel is not None:
            return self._run_kernel(self.kernel, inputs, steps, warmup, repeat_last), []
        return self._run_vmap(inputs, steps=steps, warmup=warmup, repeat_last=repeat_last), []

    def _run_vmap(self, inputs: Tensor, **options: Any) -> Tensor:
        """Run all K networks by `torch.func.vmap` of one network's forward over the stacked weights."""
        if not inputs.is_floating_point():  # vmap has no rule for embedding_bag
            inputs = multi_hot(inputs, self.network.stack.input_size, like=self.network.readout.weight)
        tensors = {**dict(self.network.named_parameters()), **dict(self.network.named_buffers())}

        def run(own_tensors: dict[str, Tensor], own_inputs: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self.network, own_tensors, (own_inputs,), options)[0]
            return outputs

        shared = len(inputs) == 1
        mapped: Callable[..., Tensor] = torch.func.vmap(run, in_dims=(0, None if shared else 0))
        return mapped(tensors, inputs[0] if shared else inputs)

    def _run_kernel(self, kernel: StepKernel, inputs: Tensor, steps: int, warmup: int, repeat_last: bool) -> Tensor:
        """Run all K networks layer by layer by the cell's hand-written step, with the batch as the last dimension."""
        stack, readout = self.network.stack, (self.network.readout.weight, self.network.readout.bias)
        # (time, K or 1, features, batch), or indices (time, K or 1, batch, k)
        sequence = inputs.permute(2, 0, 3, 1) if inputs.is_floating_point() else inputs.movedim(2, 0)
        pad_input: Tensor | None = None
        if stack.projection is not None:
            sequence = linear_over_time(sequence, stack.projection.weight, stack.projection.bias)
            pad_input = stack.projection.bias.unsqueeze(-1)  # the projection of an input of zeros
        depth = len(stack.cells)
        read_in_recurrence = not stack.norms and (depth == 1 or not stack.residual)
        for layer, module in enumerate(stack.cells):
            cell: Any = module
            last = layer == depth - 1
            first = warmup if last else 0
            outputs = run_recurrence(
                kernel,
                RecurrenceInputs(
                    cell.weight_input,
                    cell.bias + cell.gate_offset,
                    tuple(getattr(cell, name) for name in kernel.recurrent_weights),
                    stack.initial_states[layer].unsqueeze(-1).unbind(1),
                    sequence,
                    pad_input,
                    readout if last and read_in_recurrence else None,
                ),
                steps=steps,
                warmup=first,
                repeat_last=repeat_last,
            )
            if stack.norms:
                outputs = normalise(cast(nn.LayerNorm, stack.norms[layer]), outputs)
            sequence = outputs + sequence[first:] if stack.residual and layer > 0 else outputs
        if not read_in_recurrence:
            sequence = linear_over_time(sequence, *readout)
        return sequence.permute(1, 3, 0, 2)


def normalise(norm: nn.LayerNorm, outputs: Tensor) -> Tensor:
    """Apply the stacked layer norms of K networks to outputs, (time, K, hidden_size, batch), over the units."""
    normalised = F.layer_norm(outputs.mT, norm.normalized_shape, eps=norm.eps)
    return (normalised * norm.weight.unsqueeze(-2) + norm.bias.unsqueeze(-2)).mT


def can_run_together(network: RecurrentNetwork) -> bool:
    """Return whether networks like this one train in a `NetworkEnsemble` as they would one by one.

    True for trainable networks without dropout whose cell has a step kernel. Networks of any other cell are tested: a
    tiny input goes forward and backward through two of them. `torch.func.vmap` raises an error at code that it cannot
    map, such as branches on values or random numbers, and never mixes networks up. It cannot see state outside of
    tensors: a network that changes its attributes or buffers as it runs is found by the trial and cannot run together;
    code that keeps state elsewhere (global variables, numpy's generator) is not found.

    Args:
        network: The network.

    Example:
        >>> from rnn_capacity.models import RecurrentNetwork
        >>> can_run_together(RecurrentNetwork("gru", 1, 3, 4, 2))
        True
        >>> can_run_together(RecurrentNetwork("gru", 2, 3, 4, 2, dropout=0.5))
        False
    """
    stack = network.stack
    trainable = all(parameter.requires_grad for parameter in network.parameters())
    if not trainable or stack.dropout or stack.recurrent_dropout:
        return False
    if step_kernel(cast(Cell, stack.cells[0])) is not None:
        return True
    trial = deepcopy(network)
    inputs = network.readout.weight.new_ones(2, 1, 2, stack.input_size)
    try:
        before = layout(trial), list(map(full_repr, trial.buffers()))
        trial(inputs[0], steps=3)
        if (layout(trial), list(map(full_repr, trial.buffers()))) != before:
            return False
        ensemble = NetworkEnsemble([trial, trial])
        outputs, _ = ensemble(inputs, steps=3)
        torch.autograd.grad(outputs.sum(), list(ensemble.parameters()))  # an unused parameter is an error, too
    except Exception:  # whatever the cell's code raises under vmap
        return False
    return True
