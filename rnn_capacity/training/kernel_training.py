"""Trains networks on tasks with fixed data by the compiled C++ kernel, many optimizer steps per call."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from rnn_capacity.kernels.native.library import Library
from rnn_capacity.kernels.native.structures import Settings, TrainingJob, address
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.divergence import divergence_bound
from rnn_capacity.training.fixed import FixedBatchSource, FixedTask
from rnn_capacity.training.kernel_support import KERNEL_OPTIMIZERS, network_shape
from rnn_capacity.training.optimizers import update_rule

if TYPE_CHECKING:
    from rnn_capacity.training.module import RecurrentModule

STATE_NAMES: dict[type[Optimizer], tuple[str, str | None]] = {
    Adam: ("exp_avg", "exp_avg_sq"),
    AdamW: ("exp_avg", "exp_avg_sq"),
    RMSprop: ("square_avg", "momentum_buffer"),
    SGD: ("momentum_buffer", None),
}
"""Names of the (at most two) torch.optim state tensors that the compiled kernel keeps for each optimizer."""

MAX_CALL_SECONDS = 0.2
"""Approximate longest time of one call of the compiled kernel in seconds; Python handles no signal during a call."""


class KernelData:
    """Samples, targets and weights of a task with fixed data, in the memory layout of the compiled kernel.

    Args:
        source: The task's data on the CPU.
        library: The compiled kernel.
    """

    def __init__(self, source: FixedBatchSource, library: Library) -> None:
        self.task = source.task
        inputs = source.inputs[:, 0]
        self.samples, features = inputs.shape
        self.rows: Tensor | None = None
        self.tiles: Tensor | None = None
        targets, weights = source.targets.to(inputs.dtype), source.weights
        if self.task.minibatch(0) is not None:
            self.rows, self.targets = inputs.contiguous(), targets.contiguous()
            self.weights = weights if self.task.weighs_minibatches else None
            return
        lanes = library.lanes(inputs.dtype)
        tiles = math.ceil(self.samples / lanes)
        padded = inputs.new_zeros(tiles * lanes, features)
        padded[: self.samples] = inputs
        self.tiles = padded.view(tiles, lanes, features).mT.contiguous()
        self.targets, self.weights = inputs.new_zeros(2, tiles * lanes)
        self.targets[: self.samples] = targets
        scored = self.task.steps - self.task.scored_from
        self.weights[: self.samples] = (1 if weights is None else weights) / (self.samples * scored)

    def minibatches(self, first: int, steps: int) -> tuple[Tensor, Tensor] | None:
        """Return the concatenated sample indices of some steps' minibatches and the batch sizes, or None.

        Raises:
            ValueError: If the task gives an index that no sample has.
        """
        if self.rows is None:
            return None
        batches = [cast(Tensor, self.task.minibatch(step)) for step in range(first, first + steps)]
        order = torch.cat(batches).long()
        least, greatest = (int(bound) for bound in order.aminmax())
        if least < 0 or greatest >= self.samples:
            wrong = least if least < 0 else greatest
            raise ValueError(f"minibatch must give indices in [0, {self.samples - 1}], got {wrong}")
        return order, torch.tensor([len(batch) for batch in batches])


class KernelTraining:
    """Parameters, optimizer state, learning rates and data of one network that the compiled kernel trains.

    The parameters of the network and the state of its optimizer become views of flat vectors that the kernel updates
    in place, so that checkpoints, resumption and evaluation work as without it.

    Args:
        module: A module whose network `kernel_for` accepts.
        optimizer: The optimizer of its parameters, with the state of the steps made so far.
        task: The task.
        data: The task's data.
        rates: Learning rate of each step of the run, (total steps,), float64.
        exponents: Exponent of the generalized cross-entropy at each step, (total steps,), float64; None for another
            loss.
        steps_made: Optimizer steps made so far.
    """

    def __init__(
        self,
        module: RecurrentModule,
        optimizer: Optimizer,
        task: FixedTask,
        data: KernelData,
        rates: Tensor,
        exponents: Tensor | None,
        steps_made: int = 0,
    ) -> None:
        rule, network = module.rule, module.network
        self.optimizer = optimizer
        self.data = data
        self.rates = rates.contiguous()
        self.exponents = None if exponents is None else exponents.double().contiguous()
        self.steps_made = steps_made
        self.bound = divergence_bound(rule, task)
        self.parameters = list(network.parameters())
        self.values = torch.cat([part.detach().flatten() for part in self.parameters])
        self.offsets = torch.cat([cast(Any, cell).gate_offset for cell in network.stack.cells]).to(self.values)
        names = STATE_NAMES[type(optimizer)]
        self.states = [self._gather_state(name) for name in names]
        for part, value in zip(self.parameters, self._split(self.values), strict=True):
            part.data = value
        group = optimizer.param_groups[0]
        beta1, beta2 = group.get("betas", (0.0, 0.0))
        self.settings = Settings(
            optimizer=KERNEL_OPTIMIZERS[update_rule(optimizer)],
            beta1=beta1,
            beta2=beta2,
            l2=rule.l2,
            clip_value=math.inf if rule.clip_value is None else rule.clip_value,
            clip_norm=math.inf if rule.clip_norm is None else rule.clip_norm,
            **{name: group.get(name, 0.0) for name in ("eps", "weight_decay", "alpha", "momentum", "dampening")},
        )

    def _split(self, values: Tensor) -> list[Tensor]:
        parts = torch.split(values, [part.numel() for part in self.parameters])
        return [value.view_as(part) for value, part in zip(parts, self.parameters, strict=True)]

    def _gather_state(self, name: str | None) -> Tensor:
        """Copy an optimizer state tensor of all parameters into one vector; zeros before the optimizer's first step."""
        states = [(part, self.optimizer.state[part].get(name)) for part in self.parameters]
        parts = [torch.zeros_like(part) if state is None else state for part, state in states]
        return torch.cat([part.detach().flatten() for part in parts])

    def store_state(self) -> None:
        """Set the state of the torch optimizer to views of the compiled kernel's optimizer state."""
        for name, row in zip(STATE_NAMES[type(self.optimizer)], self.states, strict=True):
            if name is None or (name == "momentum_buffer" and not self.settings.momentum):
                continue
            for part, state in zip(self.parameters, self._split(row), strict=True):
                self.optimizer.state[part][name] = state
        if type(self.optimizer) is not SGD:
            for part in self.parameters:
                self.optimizer.state[part]["step"] = torch.tensor(float(self.steps_made))

    def job(self, steps: int) -> tuple[TrainingJob, Tensor, list[Any]]:
        """Describe the next optimizer steps as a `TrainingJob` for the compiled kernel.

        Args:
            steps: Optimizer steps.

        Returns:
            The job, the losses that it fills in, (steps,), and tensors that must live as long as the job.
        """
        losses = torch.empty(steps, dtype=torch.float64)
        part = slice(self.steps_made, self.steps_made + steps)
        rates = self.rates[part]
        exponents = None if self.exponents is None else self.exponents[part]
        order, counts = self.data.minibatches(self.steps_made, steps) or (None, None)
        job = TrainingJob(
            values=address(self.values),
            first=address(self.states[0]),
            second=address(self.states[1]),
            offsets=address(self.offsets),
            tiles=address(self.data.tiles),
            rows=address(self.data.rows),
            targets=address(self.data.targets),
            weights=address(self.data.weights),
            order=address(order),
            counts=address(counts),
            samples=self.data.samples,
            steps_made=self.steps_made,
            rates=address(rates),
            exponents=address(exponents),
            bound=self.bound,
            settings=self.settings,
            losses=address(losses),
        )
        return job, losses, [rates, exponents, order, counts]


class KernelTrainer:
    """Makes optimizer steps of networks of one shape by calls of the compiled kernel of about 0.2 s each.

    Args:
        library: The compiled kernel.
        network: One of the networks.
        task: Its task.
    """

    def __init__(self, library: Library, network: RecurrentNetwork, task: FixedTask) -> None:
        self.library = library
        self.shape = network_shape(network, task)
        self.dtype = next(network.parameters()).dtype
        self.seconds_per_step = math.inf  # of one network; unknown

    def make_steps(self, trainings: Sequence[KernelTraining], steps: int) -> Tensor:
        """Make the same number of optimizer steps with every network and return the losses.

        A network whose loss diverges makes no further steps.

        Args:
            trainings: The networks.
            steps: Optimizer steps.

        Returns:
            The loss of each network before each step, (steps, K), float64; after a divergence the diverged loss.
        """
        losses = torch.empty(steps, len(trainings), dtype=torch.float64)
        running = list(range(len(trainings)))
        made = 0
        while made < steps and running:
            budget = MAX_CALL_SECONDS / (self.seconds_per_step * len(running))
            count = min(max(int(budget), 1), steps - made)
            parts = [trainings[index].job(count) for index in running]
            jobs = (TrainingJob * len(parts))(*(job for job, _, _ in parts))
            start = time.perf_counter()
            self.library.train(self.dtype, self.shape, jobs, count)
            self.seconds_per_step = (time.perf_counter() - start) / (count * len(running))
            for index, job, (_, found, _) in zip(running, jobs, parts, strict=True):
                losses[made : made + count, index] = found
                trainings[index].steps_made += count
                if job.diverged_at:
                    losses[made + count :, index] = found[-1]
            running = [index for index, job in zip(running, jobs, strict=True) if not job.diverged_at]
            made += count
        return losses
