"""Members trained in one step."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.models import RecurrentNetwork, stacked
from rnn_capacity.population.plan import Plan
from rnn_capacity.training import Batch, Source

STEPS_PER_CALL = 50
"""Steps between two looks for members that diverged; the only place where the host waits for the device."""

Done = Callable[[Plan, int | None], None]
"""Called with a member that has left the chunk, and the step at which it diverged or None."""


class Chunk:
    """Networks alike, each with its own hyperparameters, that make their steps together.

    Args:
        plans: The members.
        device: Where they are trained.
    """

    def __init__(self, plans: list[Plan], device: torch.device) -> None:
        self.plans = plans
        self.device = device
        first = plans[0]
        self.task = first.member.task
        dtype = next(first.member.module.parameters()).dtype
        self.sources: dict[str, Source] = {}
        for one in plans:
            if one.data not in self.sources:
                self.sources[one.data] = one.member.task.source(device, dtype)
        network = stacked([one.member.module.network for one in plans]).to(device)
        self.values = torch.cat([part.detach().flatten(1) for part in network.parameters()], 1)
        kind = first.kind
        if kind is None:
            raise ValueError("plans: a member that only fit can train given")
        self.optimizer = kind([one.settings for one in plans], self.values)
        self.settle(network)

    def settle(self, network: RecurrentNetwork) -> None:
        """Let the network's parameters be views of a matrix with a row a member."""
        self.network = network
        self.parameters = list(network.parameters())
        start = 0
        for part in network.parameters():
            end = start + part[0].numel()
            part.data = self.values[:, start:end].view(part.shape)
            start = end
        modules = [one.member.module for one in self.plans]
        self.l2 = self._column([module.l2 for module in modules])
        self.clip_value = self._column([module.clip_value for module in modules])
        self.clip_norm = self._column([module.clip_norm for module in modules])
        self.together: tuple[list[Batch], Batch, Tensor] | None = None

    def _column(self, values: list[float | None]) -> Tensor | None:
        """A member's number a row, (K, 1), infinite where it has none; None if no member has one."""
        if not any(values):
            return None
        numbers = [[float("inf") if value is None else value] for value in values]
        return torch.tensor(numbers, dtype=torch.float64).to(self.values)

    def train(self, done: Done, on_call: Callable[[int], None] | None = None) -> None:
        """Train every member to its end or its divergence."""
        step = 0
        while self.plans:
            until = min(step + STEPS_PER_CALL, min(one.member.max_steps for one in self.plans))
            rates = torch.stack([one.rates[step:until] for one in self.plans], 1).unsqueeze(2).to(self.values)
            losses = torch.stack([self._step(now, rates[now - step]) for now in range(step, until)])
            bounds = [one.member.module.divergence_factor * one.member.task.constant_loss for one in self.plans]
            limit = torch.tensor(bounds, dtype=losses.dtype, device=losses.device)
            within = (losses.isfinite() & (losses <= limit)).T.tolist()
            diverged = [None if all(row) else step + row.index(False) + 1 for row in within]
            step = until
            self._leave(step, diverged, done)
            if on_call is not None:
                on_call(step)

    def _step(self, step: int, rates: Tensor) -> Tensor:
        """One optimizer step of every member; the mean loss of each before it, (K,)."""
        batch, weights = self._batch(step)
        predictions, _ = self.task.predict(self.network, batch)
        members, samples = predictions.shape[:2]
        targets = batch.targets.expand(members, *batch.targets.shape[1:]).flatten(0, 1)
        flat = batch._replace(targets=targets)
        losses = self.task.loss_per_sample(predictions.flatten(0, 1), flat).view(members, samples)
        losses = (losses * weights).sum(1)
        parts = torch.autograd.grad(losses.sum(), self.parameters, materialize_grads=True)
        gradients = torch.cat([part.flatten(1) for part in parts], 1)
        if self.l2 is not None:
            gradients.addcmul_(self.values, self.l2)
        if self.clip_value is not None:
            gradients.clamp_(-self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            gradients.mul_((self.clip_norm / (norm + 1e-6)).clamp_(max=1.0))
        self.optimizer.step(gradients, rates)
        return losses.detach()

    def _batch(self, step: int) -> tuple[Batch, Tensor]:
        """The members' samples, with a dimension K or 1 in front, and the weight of each sample in its mean."""
        drawn = {data: source.batch(step) for data, source in self.sources.items()}
        batches = [drawn[one.data] for one in self.plans] if len(drawn) > 1 else list(drawn.values())
        if self.together is not None and all(map(is_, batches, self.together[0])):
            return self.together[1:]
        most = max(len(batch.inputs) for batch in batches)
        inputs = torch.stack([padded(batch.inputs, most) for batch in batches])
        if inputs.is_floating_point() and inputs.shape[2] == 1:
            inputs = inputs.squeeze(2).mT.contiguous().mT.unsqueeze(2)  # the batch innermost in memory
        targets = torch.stack([padded(batch.targets, most) for batch in batches])
        weights = torch.stack(
            [padded(self.values.new_full((len(batch.inputs),), 1 / batch.size), most) for batch in batches]
        )
        whole = Batch(inputs, targets, batches[0].size, batches[0].fresh)
        self.together = (batches, whole, weights)
        return whole, weights

    def _leave(self, step: int, diverged: list[int | None], done: Done) -> None:
        """Let members go that have made their last step or diverged."""
        stay = [row for row, one in enumerate(self.plans) if diverged[row] is None and one.member.max_steps > step]
        if len(stay) == len(self.plans):
            return
        own = [one.member.module.network for one in self.plans]
        with torch.no_grad():
            for row, network in enumerate(own):
                for part, values in zip(network.parameters(), self.network.parameters(), strict=True):
                    part.copy_(values[row])
        gone = [(one, diverged[row]) for row, one in enumerate(self.plans) if row not in stay]
        self.plans = [self.plans[row] for row in stay]
        if self.plans:
            rows = torch.tensor(stay, device=self.device)
            self.values = self.values[rows]
            self.optimizer.keep(rows, self.values)
            known = {one.data for one in self.plans}
            self.sources = {data: source for data, source in self.sources.items() if data in known}
            self.settle(stacked([own[row] for row in stay]).to(self.device))
        for one, at in gone:
            done(one, at)


def padded(values: Tensor, length: int) -> Tensor:
    """Values with zeros after their rows."""
    return F.pad(values, (*[0, 0] * (values.dim() - 1), 0, length - len(values))) if len(values) < length else values
