from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks.language import Corpus, Language
from rnn_capacity.training import RecurrentModule, Split, TaskDataModule
from tests.tasks.language.texts import language, letters, numbered, source
from tests.training.conftest import quiet_trainer


def task_of(corpus: Corpus) -> Language:
    return language(corpus, steps=4, warmup=1, batch_size=2)


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 2, 97, 127, 128, 129, 1009, 12_800, 12_907])
@pytest.mark.parametrize("split", ["val", "test"])
def test_each_character_of_a_split_is_predicted_once_from_the_previous_one(
    split: Split, length: int, world_size: int
) -> None:
    sizes = {"val": 3, "test": 3, split: length}
    task = task_of(numbered(7, sizes["val"], sizes["test"]))
    begin = 7 if split == "val" else 10
    predicted = []
    for rank in range(world_size):
        for batch in source(task, rank, world_size).evaluation_batches(split):
            assert torch.equal(batch.targets, batch.inputs[..., 0] + 1)
            predicted += batch.targets.flatten().tolist()
    assert sorted(predicted) == list(range(begin, begin + length))


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("length", [97, 129, 1009, 26_001])
def test_streams_of_a_split_continue_from_batch_to_batch(length: int, world_size: int) -> None:
    task = task_of(numbered(7, length))
    for rank in range(world_size):
        batches = list(source(task, rank, world_size).evaluation_batches("val"))
        assert [batch.starts_fresh for batch in batches] == [True, *[False] * (len(batches) - 1)]
        assert max(batch.inputs.shape[1] for batch in batches) <= 100
        for previous, batch in pairwise(batches):
            assert torch.equal(batch.inputs[:, 0, 0], previous.targets[: len(batch.inputs), -1])


def streams_of(begin: int, end: int) -> list[list[int]]:
    """Positions of up to 128 streams of nearly equal length."""
    parts = np.array_split(np.arange(begin, end), min(128, end - begin))
    return [part.tolist() for part in parts]


def nats_by_hand(network: RecurrentNetwork, text: Tensor, begin: int, end: int) -> float:
    """Cross-entropy of a split, every stream run from its start to its end at once."""
    streams = streams_of(begin, end)
    total = 0.0
    for length in Counter(map(len, streams)):
        places = torch.tensor([stream for stream in streams if len(stream) == length])
        logits = network(F.one_hot(text[places - 1], len(text.unique())).double())[0]
        total += float(F.cross_entropy(logits.flatten(0, 1), text[places].flatten(), reduction="sum"))
    return total


@pytest.mark.parametrize("cell", ["gru", "lstm", "intersection"])
@pytest.mark.parametrize("length", [97, 128, 1009])
@pytest.mark.parametrize("world_size", [1, 3])
@torch.no_grad()
def test_bits_per_character_are_those_of_whole_streams(cell: str, length: int, world_size: int) -> None:
    corpus = letters(10 * length)
    task = task_of(corpus)
    network = RecurrentNetwork(cell, 2, 5, 4, 5, seed=2).double()
    metric = task.make_metric(network)
    for rank in range(world_size):
        state = None
        for batch in source(task, rank, world_size).evaluation_batches("val"):
            logits, state = task.predict(network, batch, None if batch.starts_fresh else state)
            task.update_metric(metric, logits, batch)
    begin, end = corpus.part("val")
    assert int(metric.characters) == end - begin == length  # type: ignore[arg-type]  # a metric's state
    expected = nats_by_hand(network, corpus.indices.long(), begin, end) / math.log(2) / length
    assert metric.compute()["bits_per_character"] == pytest.approx(expected, rel=1e-6)


def test_a_trainer_evaluates_both_splits_and_the_loss_agrees() -> None:
    # 2 or 3 characters a stream, and 101 or 102: pieces of unequal length, which the mean must weigh
    task = Language(
        characters=4,
        language_order=1,
        concentration=1.0,
        length=26_010,
        validation_share=0.01,
        test_share=0.5,
        prompt="a",
    )
    module = RecurrentModule("gru", 1, 3, input_size=4, output_size=4, seed=5)
    metrics = quiet_trainer(precision="64-true").test(module, datamodule=TaskDataModule(task), verbose=False)[0]
    text = task.text.indices.long()
    for split in ("val", "test"):
        begin, end = task.text.part(split)
        with torch.no_grad():
            nats = nats_by_hand(module.network.double(), text, begin, end) / (end - begin)
        assert metrics[f"{split}/loss"] == pytest.approx(nats, rel=1e-5)
        assert metrics[f"{split}/bits_per_character"] == pytest.approx(nats / math.log(2), rel=1e-6)
        excess = metrics[f"{split}/bits_per_character"] - metrics[f"{split}/entropy_rate"]
        assert metrics[f"{split}/excess_bits_per_character"] == pytest.approx(excess, rel=1e-5)


def test_the_baseline_metrics_are_those_of_the_character_frequencies() -> None:
    corpus = letters(1000)
    task = task_of(corpus)
    metric = task.make_metric(RecurrentNetwork("rnn", 1, 5, 3, 5))
    targets = corpus.train.long().unsqueeze(0)
    frequencies = torch.bincount(targets[0]).double() / targets.numel()
    metric.update(frequencies.log().expand(*targets.shape, 5), targets)
    assert task.baseline_metrics()["bits_per_character"] == pytest.approx(
        metric.compute()["bits_per_character"], rel=1e-6
    )
