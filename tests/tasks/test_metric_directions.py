from __future__ import annotations

import pytest
import torch

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import Arithmetic, ContinuousFunction, Language, Memory, Parentheses, RandomMapping
from rnn_capacity.training import Task, evaluate_split

TASKS = [
    Arithmetic(evaluation_samples=10),
    ContinuousFunction(samples=10),
    Language(length=6000),
    Memory(evaluation_samples=10),
    Parentheses(evaluation_samples=10),
    RandomMapping(samples=10),
]

ERRORS = {"loss", "cross_entropy", "mse", "weighted_mse", "bits_per_character", "excess_bits_per_character"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_metric_has_a_direction_except_the_entropy_rate(task: Task) -> None:
    network = RecurrentNetwork("rnn", 1, task.input_size, 3, task.output_size, seed=0)
    source = task.batch_source(torch.device("cpu"), torch.float32)
    metrics = evaluate_split(task, network, source, "test")
    assert metrics.keys() == {"loss", *task.baseline_metrics()}
    assert {name for name in metrics if task.direction(name) is None} == metrics.keys() & {"entropy_rate"}
    assert set(task.metric_directions) <= metrics.keys()
    assert task.primary_metric in task.metric_directions
    for name, direction in task.metric_directions.items():
        assert direction == ("min" if name in ERRORS else "max"), name


def test_more_bits_are_better_and_a_larger_loss_is_worse() -> None:
    mapping, language = RandomMapping(samples=10), Language(length=6000)
    assert mapping.direction("bits_per_parameter") == mapping.direction("val_bits_per_parameter") == "max"
    assert mapping.direction("loss") == language.direction("val_bits_per_character") == "min"
    assert mapping.direction("parameters") is None
