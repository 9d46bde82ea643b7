from __future__ import annotations

import math
from itertools import chain

import pytest
import torch
from torch import Tensor

from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import BatchSource

CPU = torch.device("cpu")


def source(task: RandomMapping, rank: int = 0, world_size: int = 1) -> BatchSource:
    return task.batch_source(CPU, torch.float64, rank, world_size)


def sample_indices(task: RandomMapping, inputs: Tensor, targets: Tensor) -> list[int]:
    """Indices of a batch's samples in the data set, whose labels they must have."""
    weights = 2 ** torch.arange(task.input_size)
    drawn, labels = task.draw_samples()
    index_of = {code: index for index, code in enumerate(((drawn > 0).long() @ weights).tolist())}
    samples = [index_of[code] for code in ((inputs.squeeze(1) > 0).long() @ weights).tolist()]
    assert labels[samples].tolist() == targets.long().tolist()
    return samples


@pytest.mark.parametrize("batch_size", [1, 7, 10, 22])
def test_an_epoch_has_each_sample_once_in_a_new_order(batch_size: int) -> None:
    task = RandomMapping(samples=23, batch_size=batch_size)
    batches = math.ceil(23 / batch_size)
    data = source(task)
    epochs = []
    for start in (0, batches, 5 * batches):
        parts = [data.batch(step) for step in range(start, start + batches)]
        assert [part.size for part in parts[:-1]] == [batch_size] * (batches - 1)
        assert sum(part.size for part in parts) == 23
        epochs.append([sample for part in parts for sample in sample_indices(task, part.inputs, part.targets)])
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_a_batch_does_not_depend_on_earlier_batches() -> None:
    task = RandomMapping(samples=50, batch_size=8, classes=3, seed=6)
    in_order = source(task)
    expected = [in_order.batch(step) for step in range(30)]
    out_of_order = source(task)
    for step in (29, 0, 15, 14, 29, 3, 8, 7):
        batch = out_of_order.batch(step)
        assert torch.equal(batch.inputs, expected[step].inputs)
        assert torch.equal(batch.targets, expected[step].targets)


@pytest.mark.parametrize("batch_size", [None, 23, 100])
def test_a_full_batch_is_the_data_set_at_every_step(batch_size: int | None) -> None:
    task = RandomMapping(samples=23, batch_size=batch_size)
    inputs, labels = task.draw_samples()
    for step in (0, 1, 40):
        batch = source(task).batch(step)
        assert torch.equal(batch.inputs, inputs.double().unsqueeze(1))
        assert torch.equal(batch.targets, labels.double())
        assert batch.size == 23


@pytest.mark.parametrize("batch_size", [None, 4, 11])  # 4 leaves a last batch of one sample
@pytest.mark.parametrize("world_size", [2, 3])
def test_the_ranks_divide_the_batch(batch_size: int | None, world_size: int) -> None:
    task = RandomMapping(samples=25, batch_size=batch_size)
    whole = source(task)
    ranks = [source(task, rank, world_size) for rank in range(world_size)]
    for step in range(9):
        batch = whole.batch(step)
        shares = [data.batch(step) for data in ranks]
        held = [sample_indices(task, share.inputs, share.targets) for share in shares]
        assert sorted(chain(*held)) == sorted(sample_indices(task, batch.inputs, batch.targets))
        assert sum(map(len, held)) == batch.size
        assert {share.size for share in shares} == {batch.size}
        assert max(map(len, held)) - min(map(len, held)) <= 1


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("samples", [1, 30, 20_001])  # the last is evaluated in parts
def test_the_ranks_evaluate_each_sample_once(samples: int, world_size: int) -> None:
    task = RandomMapping(samples=samples, batch_size=5)
    for split in ("val", "test"):
        parts = [
            part for rank in range(world_size) for part in source(task, rank, world_size).evaluation_batches(split)
        ]
        seen = sample_indices(
            task, torch.cat([part.inputs for part in parts]), torch.cat([part.targets for part in parts])
        )
        assert sorted(seen) == list(range(samples))
        assert {part.size for part in parts} == {samples}
