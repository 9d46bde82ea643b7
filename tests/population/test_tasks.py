"""Populations on every task, and members whose input is shown for different numbers of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rnn_capacity import tasks
from rnn_capacity.population import Member
from rnn_capacity.population.plan import make_chunks
from tests.kernel_builds import kernel_build
from tests.population.members import compare, member, plans_of

TASKS: dict[str, Callable[[], Any]] = {
    "minibatches": lambda: tasks.RandomMapping(samples=40, input_size=6, steps=3, batch_size=16),
    "classes": lambda: tasks.RandomMapping(samples=40, input_size=6, steps=3, classes=3, loss_from=2),
    "every step": lambda: tasks.RandomMapping(samples=40, input_size=6, steps=3, show="every"),
    "memory": lambda: tasks.Memory(input_size=4, steps=3, batch_size=8, evaluation_samples=20),
    "continuous function": lambda: tasks.ContinuousFunction(samples=50, input_size=4, tau=5.0, steps=4, batch_size=9),
    "parentheses": lambda: tasks.Parentheses(steps=5, batch_size=4, evaluation_samples=10),
    "arithmetic": lambda: tasks.Arithmetic(operand_limit=9, steps=14, batch_size=4, evaluation_samples=10),
    "language": lambda: tasks.Language(length=3000, steps=6, warmup=2, batch_size=4),
    "streams": lambda: tasks.Language(length=3000, steps=6, warmup=0, batch_size=4, order="streams"),
}

SHOWN: dict[str, Callable[[str, int], Any]] = {
    "random mapping": lambda show, steps: tasks.RandomMapping(samples=30, input_size=6, steps=steps, show=show),
    "minibatches": lambda show, steps: tasks.RandomMapping(
        samples=30, input_size=6, steps=steps, show=show, batch_size=13
    ),
    "every output": lambda show, steps: tasks.RandomMapping(
        samples=30, input_size=6, steps=steps, show=show, loss_from=1
    ),
    "memory": lambda show, steps: tasks.Memory(
        input_size=4, steps=steps, show=show, batch_size=8, evaluation_samples=20
    ),
    "continuous function": lambda show, steps: tasks.ContinuousFunction(
        samples=30, input_size=4, tau=5.0, steps=steps, show=show, batch_size=9
    ),
}


FIXED = ("random mapping", "minibatches", "classes", "every step", "every output", "continuous function")
"""Names of the tasks with fixed data, which the compiled kernel trains on."""


OWN = "tests.population.own_cells.OneNetworkCell"


@pytest.fixture(autouse=True)
def build() -> None:
    """The comparisons choose the build themselves, so that each member is trained alone only once."""


def builds_for(task: str, cell: str) -> tuple[str, ...]:
    """The builds of the kernel to test with; "off" alone if the compiled kernel does not train this."""
    return ("off", "auto") if task in FIXED and cell != OWN else ("off",)


def number_of_chunks(members: list[Member]) -> int:
    """The number of groups in which members train together without the compiled kernel."""
    with kernel_build("off"):
        return len(make_chunks(plans_of(members), torch.device("cpu")))


@pytest.mark.parametrize("cell", ["rnn", "gru"])
@pytest.mark.parametrize("task", TASKS)
def test_members_of_every_task_match_fit(task: str, cell: str) -> None:
    compare(lambda index: member(index, 25, cell, task=TASKS[task](), depth=2), 3, 1e-9, builds_for(task, cell))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("cell", ["rnn", "gru", OWN])
def test_members_with_different_loss_exponents_train_together(cell: str, classes: int) -> None:
    def make(index: int) -> Member:
        exponents = {"loss_exponent": 0.4 * index, "loss_exponent_from": 0.1 + 0.2 * index}
        task = tasks.RandomMapping(samples=30, input_size=6, steps=3, classes=classes, **exponents)
        options = {} if cell == OWN else {"b_fg": 0.5}
        return member(index, 40, cell, task=task, **options)

    assert number_of_chunks([make(index) for index in range(3)]) == 1
    compare(make, 3, 1e-9, builds_for("classes", cell))


@pytest.mark.parametrize(("cell", "steps"), [("lstm", 1), ("lstm", 3), ("intersection", 3), (OWN, 3)])
@pytest.mark.parametrize("task", SHOWN)
def test_members_with_inputs_at_the_first_and_at_every_step_train_together(task: str, cell: str, steps: int) -> None:
    def make(index: int) -> Member:
        shown = SHOWN[task](("first", "every", "every", "first")[index], steps)
        return member(index, 20, cell, task=shown, depth=2, b_fg=0.0 if cell == OWN else 0.5 * index)

    assert number_of_chunks([make(index) for index in range(4)]) == 1
    compare(make, 4, 1e-9, builds_for(task, cell))


def test_showing_the_input_at_every_step_changes_the_outputs() -> None:
    found = []
    for show in ("first", "every"):
        one = member(0, 1, task=SHOWN["random mapping"](show, 3))
        batch = one.task.batch_source(torch.device("cpu"), torch.float64).batch(0)
        found.append(one.task.predict(one.module.network, batch)[0])
    assert not torch.allclose(found[0], found[1], atol=1e-3)
