"""Members trained in one step."""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.models import NetworkEnsemble
from rnn_capacity.population.memory import keep_freed_memory
from rnn_capacity.population.plan import Plan
from rnn_capacity.training import Batch, Source, Task

Left = list[tuple[Plan, int | None]]
"""Members that have left their chunk, each with the step at which it diverged or None."""


class Chunk:
    """Networks alike, each with its own hyperparameters, that make their steps together.

    Args:
        plans: The members.
        device: Where they are trained.
    """

    def __init__(self, plans: list[Plan], device: torch.device) -> None:
        if device.type == "cpu":
            keep_freed_memory()
            # once samples are learnt their gradients fall below what processors handle in normal time
            torch.set_flush_denormal(True)
        self.plans = plans
        self.device = device
        self.done = 0
        first = plans[0]
        if first.kind is None:
            raise ValueError("plans: a member that only fit can train given")
        dtype = next(first.member.module.parameters()).dtype
        self.sources: dict[str, Source] = {}
        for one in plans:
            if one.data not in self.sources:
                self.sources[one.data] = one.member.task.source(device, dtype)
        network: Any = NetworkEnsemble([one.member.module.network for one in plans]).to(device)
        self.values = torch.cat([part.detach().flatten(1) for part in network.parameters()], 1)
        self.optimizer = first.kind([one.settings for one in plans], self.values)
        self.network = network
        self.parameters = list(network.parameters())
        self._settle()

    def _settle(self) -> None:
        """Let the network's parameters be views of a matrix with a row a member."""
        start = 0
        for part in self.parameters:
            end = start + part[0].numel()
            part.data = self.values[:, start:end].view(len(self.values), *part.shape[1:])
            part.grad = None
            start = end
        modules = [one.member.module for one in self.plans]
        self.l2 = self._column([module.l2 for module in modules])
        self.clip_value = self._column([module.clip_value for module in modules])
        self.clip_norm = self._column([module.clip_norm for module in modules])
        self.task, self.shown = common_task([one.member.task for one in self.plans], self.values)
        self.latest: tuple[list[Batch], Batch, Tensor] | None = None

    def _column(self, values: list[float | None]) -> Tensor | None:
        """A member's number a row, (K, 1), infinite where it has none; None if no member has one."""
        if not any(values):
            return None
        numbers = [[float("inf") if value is None else value] for value in values]
        return torch.tensor(numbers, dtype=torch.float64).to(self.values)

    def advance(self) -> tuple[Left, Tensor]:
        """Make the steps of a call; the members that leave after them, and each member's mean loss, (K,).

        A call is as long as the least `steps_per_call` of the members. After it there is the only look for members that
        diverged, for which the host waits for the device.
        """
        first = self.done
        steps = min(one.member.module.steps_per_call for one in self.plans)
        until = min(first + steps, min(one.member.max_steps for one in self.plans))
        rates = torch.stack([one.rates[first:until] for one in self.plans], 1).unsqueeze(2).to(self.values)
        losses = torch.stack([self.step(now, rates[now - first]) for now in range(first, until)])
        bounds = [one.member.module.divergence_factor * one.member.task.constant_loss for one in self.plans]
        limit = torch.tensor(bounds, dtype=losses.dtype, device=losses.device)
        within = (losses.isfinite() & (losses <= limit)).T.tolist()
        diverged = [None if all(row) else first + row.index(False) + 1 for row in within]
        self.done = until
        return self._leave(diverged), losses.mean(0)

    def step(self, step: int, rates: Tensor) -> Tensor:
        """One optimizer step of every member; the mean loss of each before it, (K,).

        Args:
            step: Optimizer steps made before.
            rates: Learning rates, (K, 1).
        """
        batch, weights = self._batch(step)
        losses = self._losses(batch, weights)
        parts = torch.autograd.grad(losses.sum(), self.parameters, materialize_grads=True)
        gradients = torch.cat([part.flatten(1) for part in parts], 1)
        if self.l2 is not None:
            gradients.addcmul_(self.values, self.l2)
        if self.clip_value is not None:
            gradients.clamp_(-self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            factors = (self.clip_norm / (norm + 1e-6)).clamp_(max=1.0)
            gradients.mul_(factors.masked_fill_(self.clip_norm.isinf(), 1.0))  # where the norm is infinite, too
        self.optimizer.step(gradients, rates)
        return losses.detach()

    def _losses(self, batch: Batch, weights: Tensor) -> Tensor:
        """The mean loss of each member, (K,)."""
        predictions, _ = self.task.predict(self.network, batch)
        members, samples = predictions.shape[:2]
        targets = batch.targets.expand(members, *batch.targets.shape[1:]).flatten(0, 1)
        flat = batch._replace(targets=targets)
        losses = self.task.loss_per_sample(predictions.flatten(0, 1), flat).view(members, samples)
        return (losses * weights).sum(1)

    def _batch(self, step: int) -> tuple[Batch, Tensor]:
        """The members' samples, with a dimension K or 1 in front, and the weight of each sample in its mean."""
        drawn = {data: source.batch(step) for data, source in self.sources.items()}
        batches = [drawn[one.data] for one in self.plans] if len(drawn) > 1 else list(drawn.values())
        if self.latest is not None and all(map(is_, batches, self.latest[0])):
            return self.latest[1:]
        most = max(len(batch.inputs) for batch in batches)
        inputs = torch.stack([padded(batch.inputs, most) for batch in batches])
        if self.shown is not None:
            inputs = torch.cat((inputs.expand(len(self.plans), *inputs.shape[1:]), inputs * self.shown), 2)
        if inputs.is_floating_point():
            inputs = inputs.permute(2, 0, 3, 1).contiguous().permute(1, 3, 0, 2)  # the batch innermost in memory
        targets = torch.stack([padded(batch.targets, most) for batch in batches])
        weights = torch.stack(
            [padded(self.values.new_full((len(batch.inputs),), 1 / batch.size), most) for batch in batches]
        )
        whole = Batch(inputs, targets, batches[0].size, batches[0].fresh)
        self.latest = (batches, whole, weights)
        return whole, weights

    def _leave(self, diverged: list[int | None]) -> Left:
        """Let members go that have made their last step or diverged."""
        stay = [row for row, one in enumerate(self.plans) if diverged[row] is None and one.member.max_steps > self.done]
        if len(stay) == len(self.plans):
            return []
        leaving = sorted(set(range(len(self.plans))) - set(stay))
        self._give_weights(leaving)
        gone = [(self.plans[row], diverged[row]) for row in leaving]
        rows = torch.tensor(stay, dtype=torch.int64, device=self.device)
        self.plans = [self.plans[row] for row in stay]
        self.values = self.values[rows]
        self.optimizer.keep(rows, self.values)
        if self.plans:
            known = {one.data for one in self.plans}
            self.sources = {data: source for data, source in self.sources.items() if data in known}
            for module in self.network.modules():
                for name, buffer in module._buffers.items():
                    module._buffers[name] = None if buffer is None else buffer[rows]
            self._settle()
        return gone

    @torch.no_grad()
    def _give_weights(self, rows: list[int]) -> None:
        """Give some members' own networks their weights."""
        for row in rows:
            own = self.plans[row].member.module.network
            for part, values in zip(own.parameters(), self.parameters, strict=True):
                part.copy_(values[row])

    def state_dict(self) -> dict[str, Any]:
        """What a chunk of the same members goes on from."""
        return {
            "places": [one.place for one in self.plans],
            "done": self.done,
            "values": self.values,
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.done = state["done"]
        self.values.copy_(state["values"])
        self.optimizer.load_state_dict(state["optimizer"])


def common_task(tasks: list[Any], like: Tensor) -> tuple[Task, Tensor | None]:
    """The task that runs all members, and what to multiply each one's input by at the steps after the first.

    Members that see their input at the first step only run together with those that see it at every step: they see
    zeros there.

    Args:
        tasks: Of the members, that differ in samples and `show` alone.
        like: Of the inputs' type and device.

    Returns:
        The task and (K, 1, 1, 1), or None where no input is to be multiplied.
    """
    shows = [getattr(task, "show", None) for task in tasks]
    if len(set(shows)) == 1 or tasks[0].steps == 1:
        return tasks[0], None
    factors = [float(show == "every") for show in shows]
    return replace(tasks[0], show="every"), like.new_tensor(factors).view(-1, 1, 1, 1)


def padded(values: Tensor, length: int) -> Tensor:
    """Values with zeros after their rows."""
    return F.pad(values, (*[0, 0] * (values.dim() - 1), 0, length - len(values))) if len(values) < length else values
