"""A population as Lightning sees it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, cast

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torchmetrics import MeanMetric

from rnn_capacity.population.chunk import Chunk
from rnn_capacity.population.member import Member
from rnn_capacity.population.plan import Plan, chunks, plan
from rnn_capacity.training import Source, go_through

Figures = dict[str, Any]
"""A member's result, by the keys of summary.json: the final figures, parameters, units, samples, steps, feasible and
diverged_at."""


class Population(LightningModule):
    """Members that train together, chunk after chunk: a `training_step` is a call of `Chunk.advance`.

    Give it to a trainer with its `calls` in place of a DataLoader. `global_step` counts calls. A checkpoint holds the
    weights and the optimizers' memory of the members under way, and the results of those that are done; loaded into a
    population of the same members, it goes on to the same results.

    Logged at the calls that the trainer logs (`log_every_n_steps`): `population/step`, `population/training` and
    `population/done` (members), and `population/loss`, the median over the members of the mean loss of these steps.

    Args:
        members: The members.
        on_result: Called with a member's place and its figures as soon as it is done.
        on_call: Called with the number of steps that a chunk has made.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        on_result: Callable[[int, Figures], None] | None = None,
        on_call: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.clock = nn.Parameter(torch.zeros(()))  # Lightning counts the steps of an optimizer
        self.members = list(members)
        self.on_result = on_result
        self.on_call = on_call
        self.results: dict[int, Figures] = {}
        self.plans: list[Plan] = []
        self.waiting: list[list[Plan]] = []
        self.chunk: Chunk | None = None
        self.sources: dict[str, Source] = {}
        self.loaded: dict[str, Any] | None = None

    def configure_optimizers(self) -> Any:
        """An optimizer that does nothing but count."""
        return torch.optim.SGD([self.clock], lr=0.0)

    def setup(self, stage: str) -> None:
        """Settle how each member is trained.

        Raises:
            ValueError: If the trainer has several processes, or a precision that is not one of the members'.
        """
        check_trainer(self.trainer)
        if self.trainer.precision == "64-true":
            for member in self.members:
                member.module.double()
        mappable: dict[str, bool] = {}
        self.plans = [plan(place, member, mappable) for place, member in enumerate(self.members)]

    def on_train_start(self) -> None:
        """Sort the members into chunks, or take up where the checkpoint was."""
        together = [one for one in self.plans if one.kind is not None and one.place not in self.results]
        if self.loaded is not None and self.loaded["places"]:
            current = [self.plans[place] for place in self.loaded["places"]]
            self._start(current)
            if self.chunk is not None:
                self.chunk.load_state_dict(self.loaded)
            together = [one for one in together if one not in current]
        self.loaded = None
        self.waiting = chunks(together, self.device)[::-1]

    @property
    def alone(self) -> list[int]:
        """The places of members that only `fit` can train; not trained here."""
        return [one.place for one in self.plans if one.kind is None]

    def calls(self) -> Calls:
        """What to give the trainer in place of a DataLoader."""
        return Calls()

    def _start(self, members: list[Plan]) -> None:
        self.chunk = Chunk(members, self.device)
        self.sources = dict(self.chunk.sources)

    def on_train_batch_start(self, call: int, place: int) -> int | None:
        """Let Lightning end where nothing is left to do."""
        if self.chunk is not None or self.waiting:
            return None
        self.trainer.should_stop = True
        return -1

    def training_step(self, call: int) -> None:
        """Make some steps of the current chunk, and measure the members that leave it."""
        if self.chunk is None:
            self._start(self.waiting.pop())
        chunk = cast(Chunk, self.chunk)
        left, losses = chunk.advance()
        self._log(chunk, losses)
        for one, diverged_at in left:
            figures = measured(one, self.sources[one.data], diverged_at, self.device)
            self.results[one.place] = figures
            if self.on_result is not None:
                self.on_result(one.place, figures)
        if self.on_call is not None:
            self.on_call(chunk.done)
        if not chunk.plans:
            self.chunk = None
        optimizer: Any = self.optimizers()
        optimizer.step()

    def _log(self, chunk: Chunk, losses: Tensor) -> None:
        if not self.trainer.loggers:
            return
        figures: dict[str, Any] = {
            "population/step": float(chunk.done),
            "population/training": float(len(losses)),
            "population/done": float(len(self.results)),
            "population/loss": losses.median(),
        }
        self.log_dict(figures, batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what there is of each member."""
        state = self.chunk.state_dict() if self.chunk is not None else {"places": []}
        checkpoint["population"] = {**state, "results": self.results, "members": self._identities()}

    def _identities(self) -> list[str]:
        """What tells the members apart, in any process."""
        return [
            json.dumps(
                [
                    [type(one).__name__ for one in (member.module, member.data)],
                    dict(member.module.hparams),
                    dict(member.data.hparams),
                    [member.module.parameters_total, member.max_steps, float(plan.rates.sum())],
                    {name: value for name, value in plan.settings.items() if name != "params"},
                ],
                default=str,
                sort_keys=True,
            )
            for member, plan in zip(self.members, self.plans, strict=True)
        ]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up.

        Raises:
            ValueError: If it is of another population.
        """
        state = checkpoint.get("population", {"members": []})
        own = self._identities()
        if len(state["members"]) != len(own):
            raise ValueError(f"ckpt_path: a checkpoint of {len(state['members'])} members given, of {len(own)} needed")
        for place, (one, two) in enumerate(zip(state["members"], own, strict=True)):
            if one != two:
                raise ValueError(f"ckpt_path: a checkpoint given whose member {place} is another")
        self.results = dict(state["results"])
        self.loaded = state


def check_trainer(trainer: Trainer) -> None:
    """Refuse a trainer that cannot train a population.

    Raises:
        ValueError: If it has several processes, or a precision that is not one of the members'.
    """
    if trainer.world_size > 1:
        raise ValueError(f"devices: {trainer.world_size} given, a population trains on one")
    if trainer.precision not in ("32-true", "64-true"):
        raise ValueError(f"precision: {trainer.precision!r} given, 32-true or 64-true allowed")


class Calls:
    """What Lightning iterates over: a number per call, without end, since the population knows when it is done."""

    def __iter__(self) -> Iterator[int]:
        """The numbers of the calls."""
        return count()


@torch.no_grad()
def measured(one: Plan, source: Source, diverged_at: int | None, device: torch.device) -> Figures:
    """The figures of a member that has left its chunk."""
    member = one.member
    task, network = member.task, member.module.network.to(device)
    network.eval()
    found: dict[str, dict[str, float]] = {}
    for split in task.final_splits:
        figures, mean_loss = task.metric(network).to(device), MeanMetric(nan_strategy="disable").to(device)
        if diverged_at is None:
            go_through(task, network, source, split, figures, mean_loss)
            loss = float(mean_loss.compute())
            if not loss <= member.module.divergence_factor * task.constant_loss:
                diverged_at = member.max_steps
        if diverged_at is None:
            found[split] = {"loss": loss, **figures.compute()}
        else:
            found[split] = {"loss": task.constant_loss, **task.worthless()}
    call = member.module.steps_per_call  # fit ends with the call in which it diverged
    steps = member.max_steps if diverged_at is None else min(math.ceil(diverged_at / call) * call, member.max_steps)
    return summary(member, found, diverged_at, steps)


def summary(member: Member, found: dict[Any, dict[str, float]], diverged_at: int | None, steps: int) -> Figures:
    """A member's result."""
    task, module = member.task, member.module
    own = found[task.final_splits[-1]]
    return {
        "parameters": module.parameters_total,
        "units": module.hidden_size,
        "samples": task.samples,
        "steps": steps,
        **own,
        **({f"val_{task.headline}": found["val"][task.headline]} if "val" in task.final_splits else {}),
        "feasible": diverged_at is None,
        "diverged_at": diverged_at,
    }
