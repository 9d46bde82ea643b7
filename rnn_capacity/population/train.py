"""The function that trains a population of networks and returns the result of each."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import LambdaCallback

from rnn_capacity.population.member import Member
from rnn_capacity.population.module import EndlessCallLoader, Population, Result, check_trainer
from rnn_capacity.training import RunCheckpointIO, TaskDataModule, run_result


def train(
    members: Sequence[Member],
    trainer: Trainer | None = None,
    *,
    ckpt_path: str | None = None,
    on_result: Callable[[int, Result], None] | None = None,
    on_call: Callable[[int], None] | None = None,
) -> list[Result]:
    """Train all members of a population and return the result that Lightning's `fit` alone would give each member.

    Members of the same cell, sizes, options, nonlinearity, optimizer class and task, apart from its number of samples
    and `show`, make their steps together. Other members are trained by `fit` one after another: those with dropout,
    streams with carried state, frozen layers, rates by layer, an optimizer other than Adam, AdamW, RMSprop and SGD, or
    a cell whose code cannot be mapped over several networks. There are no validations during training.

    Args:
        members: The members, in any mixture.
        trainer: Provides device, loggers and callbacks; its own limits must not end it early. None is
            `quiet_trainer()`.
        ckpt_path: Checkpoint of a population of these members to resume from; it is read as mere data.
        on_result: Called with the index of a member and its result as soon as the member is finished.
        on_call: Called every few steps with the number of steps that the current chunk, or the member that `fit`
            trains, has made.

    Returns:
        The result of each member, in the members' order.

    Raises:
        ValueError: If a member's arguments do not fit together, or the trainer does not fit or ends early.

    Example:
        >>> from rnn_capacity.population import Member
        >>> from rnn_capacity.tasks import RandomMapping
        >>> from rnn_capacity.training import RecurrentModule
        >>> task = RandomMapping(samples=16, input_size=6)
        >>> modules = [RecurrentModule("gru", hidden_size=4, input_size=6, seed=seed) for seed in range(3)]
        >>> results = train([Member(module, task, max_steps=20) for module in modules])
        >>> [result["feasible"] for result in results]
        [True, True, True]
    """
    with quiet_lightning():
        trainer = quiet_trainer() if trainer is None else trainer
        check_trainer(trainer)  # before it starts its processes
        population = Population(members, on_result=on_result, on_call=on_call)
        RunCheckpointIO.install(trainer)
        trainer.fit(population, train_dataloaders=EndlessCallLoader(), ckpt_path=ckpt_path, weights_only=True)
        missing = len(members) - len(population.results.keys() | set(population.solo_members))
        if missing:
            raise ValueError(f"trainer must train all members, got {missing} of {len(members)} unfinished")
        for index in population.solo_members:
            result = fit_member(members[index], trainer, on_call)
            population.results[index] = result
            if on_result is not None:
                on_result(index, result)
    return [population.results[index] for index in range(len(members))]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Open a context without Lightning's log of devices and its warnings that do not apply to a population."""
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")  # Lightning 2.6 with torch 2.13
            # the population makes its own optimizer steps, and its checkpoints count calls
            warnings.filterwarnings("ignore", "Using ModelCheckpoint with manual optimization")
            yield
    finally:
        logger.setLevel(level)


def quiet_trainer(**options: Any) -> Trainer:
    """Create a Lightning trainer without logger, checkpoints, progress bar and model summary.

    It belongs to this process alone: each process that a cluster starts has its own population.

    Args:
        **options: Further arguments of Lightning's trainer. By default it runs on one CPU and makes one epoch.

    Example:
        >>> quiet_trainer().loggers
        []
    """
    defaults: dict[str, Any] = {"accelerator": "cpu", "devices": 1, "max_epochs": 1, "num_sanity_val_steps": 0}
    for name in ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"):
        defaults[name] = False
    with quiet_lightning():
        return Trainer(plugins=[LightningEnvironment()], **{**defaults, **options})


def fit_member(member: Member, like: Trainer, on_call: Callable[[int], None] | None = None) -> Result:
    """Train and evaluate one member by itself, with Lightning's `fit` and `test`.

    Args:
        member: The member.
        like: The trainer whose device and precision are used.
        on_call: Called with the number of steps made.
    """
    report: dict[str, Any] = {}
    if on_call is not None:
        report["on_train_batch_end"] = lambda trainer, *_: on_call(trainer.global_step)
    index = like.strategy.root_device.index
    own = quiet_trainer(
        accelerator=like.accelerator,
        devices=1 if index is None else [index],
        precision=like.precision,
        max_epochs=None,
        max_steps=member.max_steps,
        callbacks=LambdaCallback(**report),
    )
    module, data = member.module, TaskDataModule(member.task)
    own.fit(module, datamodule=data)
    own.test(module, datamodule=data, verbose=False)
    return run_result(module, member.task, module.metrics, module.diverged_at, module.steps_trained)
