"""A chunk: members of a population that the compiled kernel trains together, without autograd."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from rnn_capacity.kernels.native.library import Library
from rnn_capacity.population.chunk import Leaving
from rnn_capacity.population.plan import MemberPlan
from rnn_capacity.training import BatchSource, FixedTask, first_divergence
from rnn_capacity.training.fixed import FixedBatchSource
from rnn_capacity.training.kernel_support import kernel_for
from rnn_capacity.training.kernel_training import KernelData, KernelTrainer, KernelTraining


class KernelChunk:
    """K networks of the same shape that the compiled kernel trains, each with its own data and hyperparameters.

    Args:
        plans: The members.
    """

    def __init__(self, plans: list[MemberPlan]) -> None:
        self.plans = plans
        self.steps_made = 0
        first = plans[0].member
        network, task = first.module.network, cast(FixedTask, first.task)
        library = cast(Library, kernel_for(network, task, first.optimizer))
        dtype = next(network.parameters()).dtype
        self.sources: dict[str, BatchSource] = {}
        data: dict[str, KernelData] = {}
        self.trainings: list[KernelTraining] = []
        for plan in plans:
            member = plan.member
            if plan.data_key not in data:
                source = member.task.batch_source(torch.device("cpu"), dtype)
                self.sources[plan.data_key] = source
                data[plan.data_key] = KernelData(cast(FixedBatchSource, source), library)
            own = cast(FixedTask, member.task)
            training = KernelTraining(
                member.module, member.optimizer, own, data[plan.data_key], plan.rates, plan.exponents
            )
            self.trainings.append(training)
        self.trainer = KernelTrainer(library, network, task)

    def advance(self) -> tuple[Leaving, Tensor]:
        """Make one `training_step` call's steps of every member: the smallest `steps_per_call` among them.

        Returns:
            The members that leave after these steps, and each member's mean loss, (K,).
        """
        first = self.steps_made
        steps = min(plan.member.module.steps_per_call for plan in self.plans)
        last = min(first + steps, min(plan.member.max_steps for plan in self.plans))
        losses = self.trainer.make_steps(self.trainings, last - first)
        self.steps_made = last
        diverged = first_divergence(losses, [training.bound for training in self.trainings])
        leaving: Leaving = []
        staying = []
        for plan, training, index in zip(self.plans, self.trainings, diverged, strict=True):
            if index is None and plan.member.max_steps > last:
                staying.append((plan, training))
            else:
                leaving.append((plan, None if index is None else first + index + 1))
        self.plans = [plan for plan, _ in staying]
        self.trainings = [training for _, training in staying]
        return leaving, losses.mean(0)

    def state_dict(self) -> dict[str, Any]:
        """Return the members' indices, the number of steps made, the weights and the optimizers' states."""
        return {
            "members": [plan.index for plan in self.plans],
            "steps_made": self.steps_made,
            "kernel": [[training.values, *training.states] for training in self.trainings],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the number of steps, the weights and the optimizers' states from a chunk with the same members."""
        self.steps_made = state["steps_made"]
        for training, stored in zip(self.trainings, state["kernel"], strict=True):
            training.steps_made = self.steps_made
            for row, values in zip((training.values, *training.states), stored, strict=True):
                row.copy_(values)
