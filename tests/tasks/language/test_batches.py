from __future__ import annotations

from functools import partial
from itertools import chain, pairwise
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch.nn import functional as F
from torch.optim import SGD

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks.language import Language
from rnn_capacity.training import RecurrentModule, TaskDataModule
from tests.tasks.language.texts import language, letters, numbered, source
from tests.training.conftest import quiet_trainer


@pytest.mark.parametrize("warmup", [0, 3, 4])
def test_windows_cover_the_training_part_and_stay_inside_it(warmup: int) -> None:
    task = language(numbered(train=9), steps=5, warmup=warmup, batch_size=16)
    firsts, lasts = set(), set()
    for step in range(10):
        batch = source(task).batch(step)
        assert batch.starts_fresh
        assert batch.inputs.shape == (16, 5, 1)
        assert batch.targets.shape == (16, 5 - warmup)
        read = batch.inputs[..., 0]
        assert torch.equal(read, read[:, :1] + torch.arange(5))
        assert torch.equal(batch.targets, read[:, warmup:] + 1)
        firsts |= set(read[:, 0].tolist())
        lasts |= set(batch.targets[:, -1].tolist())
    assert firsts == {0, 1, 2, 3}
    assert lasts == {5, 6, 7, 8}


def test_every_position_of_a_window_is_equally_likely() -> None:
    task = language(numbered(train=25), steps=5, warmup=0, batch_size=500)
    starts = torch.cat([source(task).batch(step).inputs[:, 0, 0] for step in range(20)])
    counts = torch.bincount(starts, minlength=20).double()
    assert len(counts) == 20
    assert float(((counts - 500) ** 2 / 500).sum()) < 19 + 4 * (2 * 19) ** 0.5


def test_a_batch_of_windows_depends_on_seed_and_step_only() -> None:
    task = language(numbered(train=300), steps=5, warmup=1, batch_size=8, seed=6)
    forwards = [source(task).batch(step) for step in range(6)]
    torch.manual_seed(9)
    one = source(task)
    backwards = [one.batch(step) for step in reversed(range(6))][::-1]
    for batch, again in zip(forwards, backwards, strict=True):
        assert torch.equal(batch.inputs, again.inputs)
        assert torch.equal(batch.targets, again.targets)
    starts = {tuple(batch.inputs[:, 0, 0].tolist()) for batch in forwards}
    other = language(numbered(train=300), steps=5, warmup=1, batch_size=8, seed=7)
    assert len(starts | {tuple(source(other).batch(step).inputs[:, 0, 0].tolist()) for step in range(6)}) == 12


@pytest.mark.parametrize("order", ["pointers", "streams"])
@pytest.mark.parametrize("world_size", [2, 3])
def test_the_ranks_divide_the_batch(order: Any, world_size: int) -> None:
    task = language(numbered(train=150), steps=5, warmup=2, batch_size=7, order=order)
    whole = source(task)
    ranks = [source(task, rank, world_size) for rank in range(world_size)]
    for step in range(9):
        batch = whole.batch(step)
        shares = [data.batch(step) for data in ranks]
        for kind in ("inputs", "targets"):
            held = chain(*(getattr(share, kind).flatten(1).tolist() for share in shares))
            assert sorted(held) == sorted(getattr(batch, kind).flatten(1).tolist())
        assert {share.size for share in shares} == {batch.size} == {7}
        assert {share.starts_fresh for share in shares} == {batch.starts_fresh}
        assert {len(share.inputs) for share in shares} <= {7 // world_size, 7 // world_size + 1}


@pytest.mark.parametrize(("train", "batch_size", "steps"), [(16, 3, 5), (101, 4, 5), (100, 1, 9), (61, 6, 3)])
def test_streams_are_contiguous_and_read_each_character_once_per_epoch(train: int, batch_size: int, steps: int) -> None:
    task = language(numbered(train), steps=steps, warmup=0, batch_size=batch_size, order="streams")
    assert task.carries_state
    pieces = (train - 1) // (batch_size * steps)
    ranks = [source(task, rank, 2) for rank in range(2)]
    read = []
    for data in ranks:
        batches = [data.batch(step) for step in range(2 * pieces + 1)]
        assert [batch.starts_fresh for batch in batches] == [step % pieces == 0 for step in range(2 * pieces + 1)]
        for previous, batch in pairwise(batches):
            if not batch.starts_fresh:
                assert torch.equal(batch.inputs[:, 0, 0], previous.targets[:, -1])
        for batch, again in zip(batches, batches[pieces:], strict=False):
            assert torch.equal(batch.inputs, again.inputs)
        for batch in batches:
            assert torch.equal(batch.targets, batch.inputs[..., 0] + 1)
        read += torch.cat([batch.targets.flatten() for batch in batches[:pieces]]).tolist()
    assert len(read) == len(set(read)) == pieces * batch_size * steps
    assert set(read) <= set(range(1, train))


class Losses(Callback):
    """Records the mean loss of each call."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


@pytest.mark.parametrize("cell", ["gru", "lstm", "intersection"])
@pytest.mark.parametrize("steps_per_call", [1, 3])
def test_the_carried_state_matches_a_stream_read_at_once(cell: str, steps_per_call: int) -> None:
    task = Language(
        characters=5, length=151, concentration=1.0, steps=6, warmup=0, batch_size=4, order="streams", prompt="a"
    )
    module = RecurrentModule(
        cell, 2, 5, input_size=5, output_size=5, optimizer=partial(SGD, lr=0.0), steps_per_call=steps_per_call
    )
    curve = Losses()
    trainer = quiet_trainer(max_steps=6, precision="64-true", callbacks=[curve], limit_val_batches=0)
    trainer.fit(module, datamodule=TaskDataModule(task))
    text = task.text.train.long()
    assert (len(text) - 1) // 4 == 30  # five pieces an epoch: the sixth starts again
    streams = torch.stack([text[start : start + 31] for start in range(0, 120, 30)])
    with torch.no_grad():
        logits = module.double().network(F.one_hot(streams[:, :-1], 5).double())[0]
    losses = F.cross_entropy(logits.transpose(1, 2), streams[:, 1:], reduction="none")
    pieces = losses.view(4, 5, 6).mean((0, 2))
    expected = torch.cat((pieces, pieces[:1])).view(-1, steps_per_call).mean(1)
    assert curve.losses == pytest.approx(expected.tolist(), rel=1e-6)
    assert len(set(expected.tolist())) > 1


def test_only_steps_after_the_warmup_are_scored() -> None:
    task = language(letters(200), steps=6, warmup=4, batch_size=3)
    network = RecurrentNetwork("gru", 2, 5, 4, 5, seed=1).double()
    batch = source(task).batch(0)
    logits, _ = task.predict(network, batch)
    whole = network(F.one_hot(batch.inputs[..., 0], 5).double())[0]
    torch.testing.assert_close(logits, whole[:, 4:], rtol=1e-12, atol=1e-13)
    probabilities = whole.softmax(2).detach()
    by_hand = [
        -sum(float(probabilities[row, 4 + step, batch.targets[row, step]].log()) for step in range(2)) / 2
        for row in range(3)
    ]
    assert task.loss_per_sample(logits, batch).tolist() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0, "warmup": 0}, "steps must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"warmup": 5}, r"warmup must be in \[0, steps - 1 = 4\], got 5"),
        ({"warmup": -1}, r"warmup must be in \[0, steps - 1 = 4\], got -1"),
        ({"steps": 40}, "steps must leave room in a training part of 40 characters, got steps 40"),
        ({"steps": 10, "order": "streams"}, "steps must leave room .*, got steps 10 and batch_size 4, which need 41"),
    ],
)
def test_windows_out_of_range_are_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        language(numbered(train=40), **{"steps": 5, "warmup": 1, "batch_size": 4, **options})


@pytest.mark.parametrize("order", ["pointers", "streams"])
def test_the_training_length_that_the_message_names_is_enough(order: Any) -> None:
    sizes: dict[str, Any] = {"steps": 5, "warmup": 0, "batch_size": 4, "order": order}
    needed = 6 if order == "pointers" else 21
    with pytest.raises(ValueError, match=f"need {needed} characters for order {order}"):
        language(numbered(train=needed - 1), **sizes)
    batch = source(language(numbered(train=needed), **sizes)).batch(0)
    assert int(batch.targets.max()) == needed - 1
