"""The LightningModule that trains a population, which is many networks with their own hyperparameters."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import count
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.kernel_chunk import KernelChunk
from rnn_capacity.population.member import Member
from rnn_capacity.population.plan import MemberPlan, make_chunks, plan_member
from rnn_capacity.training import BatchSource, Split, diverged_metrics, evaluate_split, is_diverged, run_result

Result = dict[str, Any]
"""Result of a member by the keys of summary.json: final metrics, parameters, units, samples, steps, feasible and
diverged_at."""


class EndlessCallLoader:
    """Iterable in place of a DataLoader: yields 0, 1, 2, ... without end, one for each `training_step`.

    The population itself ends the training.

    Example:
        >>> from itertools import islice
        >>> list(islice(EndlessCallLoader(), 3))
        [0, 1, 2]
    """

    def __iter__(self) -> Iterator[int]:
        """Iterate over 0, 1, 2, ..., the number of the `training_step` call."""
        return count()


class Population(LightningModule):
    """LightningModule that trains many networks (members), one chunk of members at a time.

    Each `training_step` is one call of `Chunk.advance`.

    Give it to a trainer with `EndlessCallLoader` in place of a DataLoader. `global_step` counts calls. A checkpoint
    holds the weights and the optimizer state of the current chunk and the results of finished members; loaded into a
    population of the same members, it leads to the same results.

    Logged at the calls that the trainer logs (`log_every_n_steps`): `population/step`, `population/training` and
    `population/done` (numbers of members), and `population/loss`, the median of the members' mean losses.

    Args:
        members: The members.
        on_result: Called with the index of a member and its result as soon as the member is finished.
        on_call: Called with the number of steps that the current chunk has made.

    Example:
        >>> from rnn_capacity.population import EndlessCallLoader, Member, quiet_trainer
        >>> from rnn_capacity.tasks import RandomMapping
        >>> from rnn_capacity.training import RecurrentModule
        >>> task = RandomMapping(samples=16, input_size=6)
        >>> modules = [RecurrentModule("rnn", hidden_size=4, input_size=6, seed=seed) for seed in range(2)]
        >>> population = Population([Member(module, task, max_steps=10) for module in modules])
        >>> quiet_trainer().fit(population, EndlessCallLoader())
        >>> [result["steps"] for result in population.results.values()]
        [10, 10]
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        on_result: Callable[[int, Result], None] | None = None,
        on_call: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.clock = nn.Parameter(torch.zeros(()))  # Lightning counts the steps of an optimizer
        self.members = list(members)
        self.on_result = on_result
        self.on_call = on_call
        self.results: dict[int, Result] = {}
        self.plans: list[MemberPlan] = []
        self.waiting: list[list[MemberPlan]] = []
        self.chunk: Chunk | KernelChunk | None = None
        self.sources: dict[str, BatchSource] = {}
        self.loaded: dict[str, Any] | None = None

    def configure_optimizers(self) -> Any:
        """Return an SGD optimizer of a dummy parameter, by whose steps Lightning counts `training_step` calls."""
        return torch.optim.SGD([self.clock], lr=0.0)

    def setup(self, stage: str) -> None:
        """Make the plan of each member's training: its optimizer, learning rates and keys for grouping.

        Raises:
            ValueError: If the trainer has several processes, or a precision that is not one of the members'.
        """
        check_trainer(self.trainer)
        if self.trainer.precision == "64-true":
            for member in self.members:
                member.module.double()
        mappable: dict[str, bool] = {}
        device = self.trainer.strategy.root_device
        self.plans = [plan_member(index, member, mappable, device) for index, member in enumerate(self.members)]

    def on_train_start(self) -> None:
        """Divide the members into chunks that are trained together, or continue with the chunk of a loaded checkpoint.

        Raises:
            ValueError: If the checkpoint was made with the compiled kernel and this population does not use it, or the
                reverse.
        """
        together = [plan for plan in self.plans if plan.optimizer is not None and plan.index not in self.results]
        if self.loaded is not None and self.loaded["members"]:
            current = [self.plans[index] for index in self.loaded["members"]]
            if ("kernel" in self.loaded) != current[0].kernel:
                words = ("with", "without") if current[0].kernel else ("without", "with")
                raise ValueError(
                    f"ckpt_path must be a checkpoint made {words[0]} the compiled kernel, got one made {words[1]} it"
                )
            self._start(current).load_state_dict(self.loaded)
            together = [plan for plan in together if plan not in current]
        self.loaded = None
        self.waiting = make_chunks(together, self.device)[::-1]

    @property
    def solo_members(self) -> list[int]:
        """Indices of the members that cannot be trained together; `train` runs Lightning's `fit` for each."""
        return [plan.index for plan in self.plans if plan.optimizer is None]

    def _start(self, plans: list[MemberPlan]) -> Chunk | KernelChunk:
        self.chunk = KernelChunk(plans) if plans[0].kernel else Chunk(plans, self.device)
        self.sources = dict(self.chunk.sources)
        return self.chunk

    def on_train_batch_start(self, call: int, batch_index: int) -> int | None:
        """Stop the trainer when no members remain to be trained."""
        if self.chunk is not None or self.waiting:
            return None
        self.trainer.should_stop = True
        return -1

    def training_step(self, call: int) -> None:
        """Make several optimizer steps of the current chunk, and evaluate members that have finished or diverged."""
        chunk = self.chunk or self._start(self.waiting.pop())
        leaving, losses = chunk.advance()
        self._log(chunk, losses)
        for plan, diverged_at in leaving:
            result = evaluate_member(plan.member, self.sources[plan.data_key], diverged_at, self.device)
            self.results[plan.index] = result
            if self.on_result is not None:
                self.on_result(plan.index, result)
        if self.on_call is not None:
            self.on_call(chunk.steps_made)
        if not chunk.plans:
            self.chunk = None
        optimizer: Any = self.optimizers()
        optimizer.step()

    def _log(self, chunk: Chunk | KernelChunk, losses: Tensor) -> None:
        if not self.trainer.loggers:
            return
        values: dict[str, Any] = {
            "population/step": float(chunk.steps_made),
            "population/training": float(len(losses)),
            "population/done": float(len(self.results)),
            "population/loss": losses.median(),
        }
        self.log_dict(values, batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the current chunk's weights and optimizer state and the results of finished members."""
        state = self.chunk.state_dict() if self.chunk is not None else {"members": []}
        checkpoint["population"] = {**state, "results": self.results, "identities": self._identities()}

    def _identities(self) -> list[str]:
        """Return each member's class, arguments, task and steps as JSON, to compare with a checkpoint's members."""
        return [
            json.dumps(
                [
                    [type(member.module).__name__, dict(member.module.hparams)],
                    [member.task.name, asdict(member.task)],
                    [member.module.parameters_total, member.max_steps, float(plan.rates.sum())],
                    {name: value for name, value in plan.settings.items() if name != "params"},
                ],
                default=str,
                sort_keys=True,
            )
            for member, plan in zip(self.members, self.plans, strict=True)
        ]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the stored chunk's weights and optimizer state and the results of finished members.

        Raises:
            ValueError: If it is the checkpoint of other members.
        """
        state = checkpoint.get("population", {"identities": []})
        own, stored = self._identities(), state["identities"]
        if len(stored) != len(own):
            raise ValueError(f"ckpt_path must be a checkpoint of {len(own)} members, got one of {len(stored)}")
        for index, (identity, wanted) in enumerate(zip(stored, own, strict=True)):
            if identity != wanted:
                raise ValueError(f"ckpt_path must be a checkpoint of the same members, got another member {index}")
        self.results = dict(state["results"])
        self.loaded = state


def check_trainer(trainer: Trainer) -> None:
    """Check that a Lightning trainer can train a population: in one process, in 32- or 64-bit precision.

    Raises:
        ValueError: If it has several processes, or a precision that is not one of the members'.
    """
    if trainer.world_size > 1:
        raise ValueError(f"devices must be 1, since a population trains on one device, got {trainer.world_size}")
    if trainer.precision not in ("32-true", "64-true"):
        raise ValueError(f"precision must be 32-true or 64-true, got {trainer.precision!r}")


def evaluate_member(member: Member, source: BatchSource, diverged_at: int | None, device: torch.device) -> Result:
    """Return the result of a member that has finished or diverged: its final metrics, sizes and steps.

    Args:
        member: The member.
        source: Its data.
        diverged_at: Step at which it diverged; None if it did not.
        device: The device of the data.
    """
    task, module = member.task, member.module
    network = module.network.to(device).eval()
    metrics: dict[Split, dict[str, float]] = {}
    for split in task.final_splits:
        if diverged_at is None:
            metrics[split] = evaluate_split(task, network, source, split)
            if is_diverged(metrics[split]["loss"], module.rule, task):
                diverged_at = member.max_steps
        if diverged_at is not None:
            metrics[split] = diverged_metrics(task)
    call = module.steps_per_call  # fit ends with the call in which it diverged
    steps = member.max_steps if diverged_at is None else min(math.ceil(diverged_at / call) * call, member.max_steps)
    return run_result(module, task, metrics, diverged_at, steps)
