"""An interrupted population resumes from its checkpoint to the same results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from rnn_capacity import tasks
from rnn_capacity.population import Member, Result, train
from tests.population.members import member, weights

pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory:UserWarning")  # the interrupted run's

CALLS = 7
"""Calls of the population below: 5 of its first chunk and 2 of its second."""


class Interruption(RuntimeError):
    pass


class Interrupt(Callback):
    """Raises at the end of a call."""

    def __init__(self, call: int) -> None:
        self.call = call

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.call:
            raise Interruption


def make() -> list[Member]:
    own = [tasks.RandomMapping(samples=30 + index, input_size=6, steps=3, batch_size=16) for index in range(4)]
    lengths = ((60, "rnn"), (120, "rnn"), (100, "gru"), (170, "rnn"))
    return [
        member(index, steps, cell, "momentum" if cell == "gru" else "adam", task=own[index])
        for index, (steps, cell) in enumerate(lengths)
    ]


def trainer(folder: Path, *callbacks: Callback) -> Trainer:
    kept = ModelCheckpoint(str(folder), save_last=True, every_n_train_steps=1, save_top_k=1)
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(accelerator="cpu", devices=1, max_epochs=1, callbacks=[kept, *callbacks], **quiet)


@pytest.fixture
def uninterrupted() -> tuple[list[Result], list[torch.Tensor]]:
    members = make()
    return train(members), [weights(one) for one in members]


@pytest.mark.parametrize("call", range(1, CALLS))
def test_an_interrupted_population_resumes_to_the_same_results(
    call: int, tmp_path: Path, uninterrupted: tuple[list[Result], list[torch.Tensor]]
) -> None:
    before: dict[int, Result] = {}
    with pytest.raises(Interruption):
        train(make(), trainer(tmp_path, Interrupt(call)), on_result=before.__setitem__)
    again = make()
    after: dict[int, Result] = {}
    steps: list[int] = []
    results = train(
        again,
        trainer(tmp_path),
        ckpt_path=str(tmp_path / "last.ckpt"),
        on_result=after.__setitem__,
        on_call=steps.append,
    )
    wanted, parameters = uninterrupted
    assert results == wanted
    assert before.keys() | after.keys() == set(range(4))
    assert not before.keys() & after.keys()  # none is trained again
    assert len(steps) == CALLS - call
    for index in after:
        assert torch.equal(weights(again[index]), parameters[index])


def test_a_finished_population_makes_no_more_steps(
    tmp_path: Path, uninterrupted: tuple[list[Result], list[torch.Tensor]]
) -> None:
    train(make(), trainer(tmp_path))
    steps: list[int] = []
    results = train(make(), trainer(tmp_path), ckpt_path=str(tmp_path / "last.ckpt"), on_call=steps.append)
    assert steps == []
    assert results == uninterrupted[0]


def test_a_checkpoint_of_another_population_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Interruption):
        train(make(), trainer(tmp_path, Interrupt(1)))
    path = str(tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match="ckpt_path must be a checkpoint of 3 members, got one of 4"):
        train(make()[:3], trainer(tmp_path), ckpt_path=path)
    others = {
        "another cell": member(3, 170, "gru", task=make()[3].task),
        "other steps": member(3, 171, task=make()[3].task),
        "another task": member(3, 170, task=tasks.RandomMapping(samples=30, input_size=6, steps=3, batch_size=16)),
        "another seed": member(3, 170, task=make()[3].task, seed=30),
        "another optimizer": member(3, 170, kind="sgd", task=make()[3].task),
    }
    for other in others.values():
        with pytest.raises(
            ValueError, match="ckpt_path must be a checkpoint of the same members, got another member 3"
        ):
            train([*make()[:3], other], trainer(tmp_path), ckpt_path=path)
    shuffled = make()
    shuffled[:2] = shuffled[1::-1]
    with pytest.raises(ValueError, match="ckpt_path must be a checkpoint of the same members, got another member 0"):
        train(shuffled, trainer(tmp_path), ckpt_path=path)
