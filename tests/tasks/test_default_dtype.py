"""The samples do not depend on the default dtype that a trainer sets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from rnn_capacity import tasks
from rnn_capacity.training import Task

TASKS = {
    "random mapping": tasks.RandomMapping(samples=20, input_size=8),
    "memory": tasks.Memory(input_size=4, batch_size=8, evaluation_samples=10),
    "continuous function": tasks.ContinuousFunction(samples=50, input_size=4, tau=5.0, batch_size=9),
    "parentheses": tasks.Parentheses(steps=5, batch_size=4, evaluation_samples=10),
    "arithmetic": tasks.Arithmetic(operand_limit=9, steps=14, batch_size=4, evaluation_samples=10),
    "language": tasks.Language(length=3000, steps=6, warmup=2, batch_size=4),
}


@pytest.fixture
def doubles() -> Iterator[None]:
    """Set the default dtype as Lightning does for `trainer.precision` 64-true."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def first_batch(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    batch = task.for_network(100).batch_source(torch.device("cpu"), torch.float64).batch(3)
    return batch.inputs, batch.targets


SINGLE = {name: first_batch(task) for name, task in TASKS.items()}


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", TASKS)
def test_the_samples_do_not_depend_on_the_default_dtype(name: str) -> None:
    for found, expected in zip(first_batch(TASKS[name]), SINGLE[name], strict=True):
        assert torch.equal(found, expected)
