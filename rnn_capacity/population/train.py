"""Train a population, and measure each member as `fit` would."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Callback, Trainer

from rnn_capacity.population.member import Member
from rnn_capacity.population.module import Figures, Population, check_trainer, summary


def train(
    members: Sequence[Member],
    trainer: Trainer | None = None,
    *,
    ckpt_path: str | None = None,
    on_result: Callable[[int, Figures], None] | None = None,
    on_call: Callable[[int], None] | None = None,
) -> list[Figures]:
    """Train every member to its end; each result is what the member's own `fit` would give.

    Members with the same cell, sizes, options, nonlinearity, kind of optimizer and data, the number of samples and
    `show` aside, make their steps together. A member that this cannot do (dropout, streams with carried state, frozen
    layers, rates by layer, an optimizer other than Adam, AdamW, RMSprop and SGD, a cell whose code cannot be mapped
    over several networks' weights) is trained by `fit` itself. There are no validations on the way. Members that share
    their data, as one object, share what it takes to make it, too.

    Args:
        members: The members; any mixture.
        trainer: Has the device, the loggers and the callbacks; none of its limits may end it early. None is
            `quiet_trainer()`.
        ckpt_path: A checkpoint of a population of these members, to go on from.
        on_result: Called with a member's place and its figures as soon as it is done.
        on_call: Called every few steps with the number of steps that a chunk of the members, or a member that is
            trained alone, has made.

    Returns:
        The figures of each member, in the members' order.

    Raises:
        ValueError: If a member's arguments do not fit together, or the trainer does not fit or ends early.
    """
    trainer = quiet_trainer() if trainer is None else trainer
    check_trainer(trainer)  # before it starts its processes
    population = Population(members, on_result=on_result, on_call=on_call)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13
        warnings.filterwarnings("ignore", "Using ModelCheckpoint with manual optimization")  # it keeps what it should
        trainer.fit(population, train_dataloaders=population.calls(), ckpt_path=ckpt_path, weights_only=False)
        missing = len(members) - len(population.results.keys() | set(population.alone))
        if missing:
            raise ValueError(f"trainer: it ended with {missing} of {len(members)} members unfinished")
        for place in population.alone:
            figures = alone(members[place], trainer, on_call)
            population.results[place] = figures
            if on_result is not None:
                on_result(place, figures)
    return [population.results[place] for place in range(len(members))]


def quiet_trainer(accelerator: str = "cpu", devices: int | list[int] = 1, precision: str = "32-true") -> Trainer:
    """A trainer for populations that writes and shows nothing.

    It is this process's: of those that a cluster starts beside it, each has a population of its own.

    Args:
        accelerator: As Lightning's.
        devices: The number of devices, one, or which one.
        precision: 32-true or 64-true.
    """
    return Trainer(
        accelerator=accelerator,
        devices=devices,
        precision=precision,  # type: ignore[arg-type]  # one of Lightning's literals
        max_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[LightningEnvironment()],
    )


class Steps(Callback):
    """Tells of the steps that a training has made.

    Args:
        on_call: Called with their number.
    """

    def __init__(self, on_call: Callable[[int], None]) -> None:
        self.on_call = on_call

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Tell."""
        self.on_call(trainer.global_step)


def alone(member: Member, like: Trainer, on_call: Callable[[int], None] | None = None) -> Figures:
    """The figures of a member, trained by `fit`, on the device and with the precision of another trainer."""
    own = Trainer(
        accelerator=like.accelerator,
        devices=1 if like.strategy.root_device.index is None else [like.strategy.root_device.index],
        precision=like.precision,
        max_steps=member.max_steps,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[] if on_call is None else [Steps(on_call)],
        plugins=[LightningEnvironment()],
    )
    own.fit(member.module, datamodule=member.data)
    own.test(member.module, datamodule=member.data, verbose=False)
    module = member.module
    return summary(member, dict(module.measured), module.diverged_at, module.steps_trained)
