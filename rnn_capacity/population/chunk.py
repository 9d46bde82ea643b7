"""A chunk: the members of a population that make their optimizer steps together, as one batched network."""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_capacity.models import NetworkEnsemble
from rnn_capacity.population.memory_limits import keep_freed_memory
from rnn_capacity.population.plan import MemberPlan
from rnn_capacity.population.step_recorder import StepRecorder
from rnn_capacity.training import Batch, BatchSource, GradientLimits, Task, divergence_bound, first_divergence
from rnn_capacity.training.denormals import flushed_denormals

Leaving = list[tuple[MemberPlan, int | None]]
"""Members that leave the group trained together (chunk) since they made their last step or diverged, each with the step
of the divergence or None."""


class Chunk:
    """K networks of the same layout, each with its own hyperparameters, that are trained as one batched network.

    Args:
        plans: The members.
        device: The device on which they are trained.
    """

    def __init__(self, plans: list[MemberPlan], device: torch.device) -> None:
        if device.type == "cpu":
            keep_freed_memory()
        self.plans = plans
        self.device = device
        self.steps_made = 0
        first = plans[0]
        if first.optimizer is None:
            raise ValueError("plans must be of members that train together, got one that only fit can train")
        dtype = next(first.member.module.parameters()).dtype
        self.sources: dict[str, BatchSource] = {}
        for plan in plans:
            if plan.data_key not in self.sources:
                self.sources[plan.data_key] = plan.member.task.batch_source(device, dtype)
        network: Any = NetworkEnsemble([plan.member.module.network for plan in plans]).to(device)
        self.values = torch.cat([part.detach().flatten(1) for part in network.parameters()], 1)
        self.optimizer = first.optimizer([plan.settings for plan in plans], self.values)
        self.network = network
        self._bind_parameters()
        self._configure_members()

    def _bind_parameters(self) -> None:
        """Make the parameters views of the matrix `values`, (K, P).

        They are made anew for each number of networks, since autograd keeps a parameter's shape as long as a graph of
        it lives.
        """
        start, bound = 0, {}
        for part in self.network.parameters():
            end = start + part[0].numel()
            bound[part] = nn.Parameter(self.values[:, start:end].view(len(self.values), *part.shape[1:]))
            start = end
        for module in self.network.modules():
            for name, part in list(module.named_parameters(recurse=False, remove_duplicate=False)):
                setattr(module, name, bound[part])
        self.parameters = list(bound.values())

    def _configure_members(self) -> None:
        """Set gradient limits, divergence bounds and the common task of the remaining members."""
        rules = [plan.member.module.rule for plan in self.plans]
        tasks = [plan.member.task for plan in self.plans]
        self.limits = GradientLimits(rules, self.values)
        self.bounds = [divergence_bound(rule, task) for rule, task in zip(rules, tasks, strict=True)]
        self.task, self.input_factors = common_task(tasks, self.values)
        self.latest: tuple[list[Batch], Batch, Tensor] | None = None
        self.recorder = StepRecorder(self._update) if self.device.type == "cuda" else None

    @flushed_denormals()
    def advance(self) -> tuple[Leaving, Tensor]:
        """Make the optimizer steps of one `training_step` call of every member.

        A call is as long as the least `steps_per_call` of the members. Divergence is checked once at its end, when the
        host waits for the device.

        Returns:
            The members that leave after these steps, and each member's mean loss, (K,).
        """
        first = self.steps_made
        steps = min(plan.member.module.steps_per_call for plan in self.plans)
        last = min(first + steps, min(plan.member.max_steps for plan in self.plans))
        rates = torch.stack([plan.rates[first:last] for plan in self.plans], 1).unsqueeze(2).to(self.values)
        factors = self.optimizer.factors(first, rates).unbind(0)
        exponents = self._exponents(first, last)
        losses = torch.stack(
            [self.step(step, factors[step - first], exponents[step - first]) for step in range(first, last)]
        )
        diverged = [None if index is None else first + index + 1 for index in first_divergence(losses, self.bounds)]
        self.steps_made = last
        return self._remove_finished(diverged), losses.mean(0)

    def _exponents(self, first: int, last: int) -> list[Tensor | None]:
        """Return the members' exponents of the generalized cross-entropy, (K,), for each step in [first, last).

        They are None if no member has this loss.
        """
        tables = [plan.exponents for plan in self.plans]
        if all(table is None for table in tables):
            return [None] * (last - first)
        zeros = torch.zeros(last - first)
        parts = [zeros if table is None else table[first:last] for table in tables]
        return list(torch.stack(parts, 1).to(self.values).unbind(0))

    def step(self, step: int, factors: Tensor, exponents: Tensor | None = None) -> Tensor:
        """Make one optimizer step of each of the K networks.

        Args:
            step: Optimizer steps made before.
            factors: Factors of the optimizer's update, (factors, K, 1).
            exponents: Exponents of the generalized cross-entropy, (K,); None is the task's other loss.

        Returns:
            The mean loss of each member before the step, (K,).
        """
        batch, weights = self._batch(step)
        update = self._update if self.recorder is None else self.recorder
        return update(batch, weights, factors, exponents)

    def _update(self, batch: Batch, weights: Tensor, factors: Tensor, exponents: Tensor | None) -> Tensor:
        """Compute the gradients of a batch, change the parameters, and return the losses before it, (K,)."""
        losses = self._losses(batch, weights, exponents)
        parts = torch.autograd.grad(losses.sum(), self.parameters, materialize_grads=True)
        gradients = torch.cat([part.flatten(1) for part in parts], 1)
        self.limits.apply(gradients, self.values)
        self.optimizer.step(gradients, factors)
        return losses.detach()

    def _losses(self, batch: Batch, weights: Tensor, exponents: Tensor | None) -> Tensor:
        """Compute the mean loss of each member, (K,)."""
        predictions, _ = self.task.predict(self.network, batch)
        members, samples = predictions.shape[:2]
        targets = batch.targets.expand(members, *batch.targets.shape[1:]).flatten(0, 1)
        exponent: Tensor | float = 0.0 if exponents is None else exponents.repeat_interleave(samples)
        flat = batch._replace(targets=targets, loss_exponent=exponent)
        losses = self.task.loss_per_sample(predictions.flatten(0, 1), flat).view(members, samples)
        return (losses * weights).sum(1)

    def _batch(self, step: int) -> tuple[Batch, Tensor]:
        """Stack the members' batches, (K or 1, batch, ...), and return each sample's weight in the mean loss."""
        drawn = {key: source.batch(step) for key, source in self.sources.items()}
        batches = [drawn[plan.data_key] for plan in self.plans] if len(drawn) > 1 else list(drawn.values())
        if self.latest is not None and all(map(is_, batches, self.latest[0])):
            return self.latest[1:]
        most = max(len(batch.inputs) for batch in batches)
        inputs = torch.stack([pad_rows(batch.inputs, most) for batch in batches])
        if self.input_factors is not None:
            inputs = torch.cat((inputs.expand(len(self.plans), *inputs.shape[1:]), inputs * self.input_factors), 2)
        if inputs.is_floating_point():
            inputs = inputs.permute(2, 0, 3, 1).contiguous().permute(1, 3, 0, 2)  # the batch innermost in memory
        targets = torch.stack([pad_rows(batch.targets, most) for batch in batches])
        ones = self.values.new_ones(most)
        weights = torch.stack(
            [pad_rows(batch.apply_weights(ones[: len(batch.inputs)]) / batch.size, most) for batch in batches]
        )
        stacked = Batch(inputs, targets, batches[0].size, batches[0].starts_fresh)
        self.latest = (batches, stacked, weights)
        return stacked, weights

    def _remove_finished(self, diverged: list[int | None]) -> Leaving:
        """Remove members that made their last step or diverged, and copy their weights to their own networks."""
        stay = [
            row
            for row, plan in enumerate(self.plans)
            if diverged[row] is None and plan.member.max_steps > self.steps_made
        ]
        if len(stay) == len(self.plans):
            return []
        leaving = sorted(set(range(len(self.plans))) - set(stay))
        self._copy_weights(leaving)
        left = [(self.plans[row], diverged[row]) for row in leaving]
        rows = torch.tensor(stay, dtype=torch.int64, device=self.device)
        self.plans = [self.plans[row] for row in stay]
        self.values = self.values[rows]
        self.optimizer.select(rows, self.values)
        if self.plans:
            known = {plan.data_key for plan in self.plans}
            self.sources = {key: source for key, source in self.sources.items() if key in known}
            for module in self.network.modules():
                for name, buffer in module._buffers.items():
                    module._buffers[name] = None if buffer is None else buffer[rows]
            self._bind_parameters()
            self._configure_members()
        return left

    @torch.no_grad()
    def _copy_weights(self, rows: list[int]) -> None:
        """Copy rows of the batched parameters to the members' own networks."""
        for row in rows:
            own = self.plans[row].member.module.network
            for part, values in zip(own.parameters(), self.parameters, strict=True):
                part.copy_(values[row])

    def state_dict(self) -> dict[str, Any]:
        """Return the members' indices, the number of steps made, the weights and the optimizer's state."""
        return {
            "members": [plan.index for plan in self.plans],
            "steps_made": self.steps_made,
            "values": self.values,
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the number of steps, the weights and the optimizer's state from a chunk with the same members."""
        self.steps_made = state["steps_made"]
        self.values.copy_(state["values"])
        self.optimizer.load_state_dict(state["optimizer"])


def common_task(tasks: list[Any], like: Tensor) -> tuple[Task, Tensor | None]:
    """Return one task with which the members of a chunk are run, and factors that hide inputs shown once only.

    Members whose input is shown at the first step only run together with those that see it at every step: theirs is
    multiplied by zero after the first step.

    Args:
        tasks: Tasks of the members, which differ in samples and `show` only.
        like: A tensor of the inputs' type and device.

    Returns:
        The task, and the factors of each member's input after the first step, (K, 1, 1, 1), or None if there are none.
    """
    shows = [task.show for task in tasks]
    if len(set(shows)) == 1 or tasks[0].steps == 1:
        return tasks[0], None
    factors = [float(show == "every") for show in shows]
    return replace(tasks[0], show="every"), like.new_tensor(factors).view(-1, 1, 1, 1)


def pad_rows(values: Tensor, length: int) -> Tensor:
    """Append rows of zeros to a tensor until its first dimension has a given length."""
    return F.pad(values, (*[0, 0] * (values.dim() - 1), 0, length - len(values))) if len(values) < length else values
