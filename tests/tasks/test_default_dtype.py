"""The data do not depend on the precision that a trainer sets for the networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from rnn_capacity import tasks
from rnn_capacity.training import TaskData

DATA = {
    "random mapping": tasks.RandomMapping(samples=20, input_size=8),
    "memory": tasks.Memory(input_size=4, batch_size=8, evaluation_samples=10),
    "continuous function": tasks.ContinuousFunction(samples=50, input_size=4, tau=5.0, batch_size=9),
    "parentheses": tasks.Parentheses(steps=5, batch_size=4, evaluation_samples=10),
    "arithmetic": tasks.Arithmetic(operand_limit=9, steps=14, batch_size=4, evaluation_samples=10),
    "language": tasks.Language(length=3000, steps=6, warmup=2, batch_size=4),
}


@pytest.fixture
def doubles() -> Iterator[None]:
    """What Lightning does around a run with `trainer.precision` 64-true."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def first_batch(data: TaskData) -> tuple[torch.Tensor, torch.Tensor]:
    batch = data.for_network(100).source(torch.device("cpu"), torch.float64).batch(3)
    return batch.inputs, batch.targets


SINGLE = {name: first_batch(data) for name, data in DATA.items()}


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", DATA)
def test_the_samples_are_those_of_single_precision(name: str) -> None:
    for found, expected in zip(first_batch(DATA[name]), SINGLE[name], strict=True):
        assert torch.equal(found, expected)
