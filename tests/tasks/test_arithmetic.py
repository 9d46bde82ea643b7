from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity.metrics import UNSCORED
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import Arithmetic
from rnn_capacity.tasks.arithmetic import LARGEST_LIMIT, Scored, additions
from rnn_capacity.training import Batch, BatchSource, generator

CPU = torch.device("cpu")
ALPHABET = " -0123456789+="
LIMIT = 10**7
EDGES = {0, LIMIT} | {10**power + near for power in range(8) for near in (-1, 0, 1) if 10**power + near <= LIMIT}
EDGES |= {5 * 10**power for power in range(7)} | {1234567, 7654321, 8765433, 9999990}


def text(codes: Tensor) -> list[str]:
    return ["".join(ALPHABET[code] for code in row) for row in codes.tolist()]


def source(task: Arithmetic, rank: int = 0, world_size: int = 1) -> BatchSource:
    return task.batch_source(CPU, torch.float32, rank, world_size)


def expressions(*batches: Batch) -> list[str]:
    return [string for batch in batches for string in text(batch.inputs.squeeze(2))]


def test_additions_are_written_as_in_the_docstring() -> None:
    read, said, answer = additions(torch.tensor([12, -343243]), torch.tensor([-7, 93851]), 30, 3)
    assert text(read) == ["12+-7=" + 24 * " ", "-343243+93851=" + 16 * " "]
    assert text(said) == [9 * " " + "5" + 20 * " ", 17 * " " + "-249392" + 6 * " "]
    assert [row.nonzero().flatten().tolist() for row in answer] == [[9, 10], list(range(17, 25))]


@pytest.mark.parametrize("compute_steps", range(1, 7))
def test_sums_of_edge_operands_match_python(compute_steps: int) -> None:
    operands = sorted(EDGES | {-edge for edge in EDGES})
    pairs = list(product(operands, repeat=2))
    first, second = torch.tensor(pairs).T
    read, said, answer = additions(first, second, 36, compute_steps)
    expected = [f"{one}+{other}=" for one, other in pairs]
    assert text(read) == [string.ljust(36) for string in expected]
    before = [len(string) + compute_steps for string in expected]
    sums = [str(one + other) for one, other in pairs]
    assert text(said) == [(start * " " + total).ljust(36) for start, total in zip(before, sums, strict=True)]
    within = [(start, start + len(total)) for start, total in zip(before, sums, strict=True)]
    assert [(row.index(True), 35 - row[::-1].index(True)) for row in answer.tolist()] == within
    assert answer.sum(1).tolist() == [len(total) + 1 for total in sums]


@pytest.mark.parametrize("operand_limit", [1, 9, 10, 12345, LIMIT, LARGEST_LIMIT])
@pytest.mark.parametrize("seed", range(5))
def test_the_target_is_the_sum_of_the_input(operand_limit: int, seed: int) -> None:
    task = Arithmetic(operand_limit=operand_limit, compute_steps=1 + seed, steps=70, seed=seed)
    read, said = task.draw_samples(2000, generator(seed))
    number = r"(0|-?[1-9]\d*)"  # no -0, no zeros in front
    operands = []
    for question, reply in zip(text(read.squeeze(2)), text(said), strict=True):
        asked = re.fullmatch(rf"{number}\+{number}= +", question)
        told = re.fullmatch(rf"( +){number} +", reply)
        assert asked is not None
        assert told is not None
        first, second = int(asked[1]), int(asked[2])
        assert int(told[2]) == first + second
        assert len(told[1]) == question.index("=") + 1 + task.compute_steps
        assert len(question) == len(reply) == 70
        operands += [first, second]
    assert max(map(abs, operands)) <= operand_limit
    spread = operand_limit * (operand_limit + 1) / 3  # variance of a uniform integer
    assert sum(operands) / len(operands) == pytest.approx(0, abs=5 * (spread / len(operands)) ** 0.5)
    assert sum(x / operand_limit * x for x in operands) / len(operands) == pytest.approx(
        spread / operand_limit, rel=0.1
    )


def test_every_pair_of_operands_is_equally_likely() -> None:
    drawn = Counter(expressions(source(Arithmetic(operand_limit=2, batch_size=5000)).batch(0)))
    assert len(drawn) == 25
    assert sum((count - 200) ** 2 / 200 for count in drawn.values()) < 24 + 4 * 48**0.5


def test_the_longest_sum_fits_exactly() -> None:
    task = Arithmetic(compute_steps=6)
    read, said, answer = additions(torch.tensor([-LIMIT]), torch.tensor([-LIMIT]), task.steps, task.compute_steps)
    assert text(read) == ["-10000000+-10000000=".ljust(36)]
    assert text(said) == ["-20000000 ".rjust(36)]
    assert answer[0].nonzero().flatten().tolist() == list(range(26, 36))


def test_scoring_the_answer_excludes_the_padding_only() -> None:
    whole = source(Arithmetic(seed=3)).batch(5)
    part = source(Arithmetic(seed=3, scored="answer")).batch(5)
    assert torch.equal(part.inputs, whole.inputs)
    scored = part.targets != UNSCORED
    assert torch.equal(part.targets[scored], whole.targets[scored])
    kept = [row[row != UNSCORED] for row in part.targets]
    assert [text(codes.unsqueeze(0))[0] for codes in kept] == [said.strip() + " " for said in text(whole.targets)]


def test_a_batch_depends_on_seed_and_step_only() -> None:
    torch.manual_seed(123)
    state = torch.random.get_rng_state()
    first, second = source(Arithmetic(seed=4)), source(Arithmetic(seed=4, evaluation_samples=10))
    for step in (7, 0, 7, 3):
        assert torch.equal(first.batch(step).inputs, second.batch(step).inputs)
        assert torch.equal(first.batch(step).targets, second.batch(step).targets)
    assert torch.equal(torch.random.get_rng_state(), state)
    drawn = [*(first.batch(step) for step in range(50)), source(Arithmetic(seed=5)).batch(0)]
    drawn += [batch for split in ("val", "test") for batch in first.evaluation_batches(split)]
    strings = expressions(*drawn)
    assert len(strings) == 51 * 64 + 2 * 4096
    assert len(set(strings)) == len(strings)


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_ranks_divide_every_batch_and_the_evaluation_sets(world_size: int) -> None:
    task = Arithmetic(batch_size=7, evaluation_samples=2050)
    whole, ranks = source(task), [source(task, rank, world_size) for rank in range(world_size)]
    for step in range(3):
        shares = [rank.batch(step) for rank in ranks]
        assert sorted(expressions(*shares)) == sorted(expressions(whole.batch(step)))
        assert {share.size for share in shares} == {7}
        assert [len(share.targets) for share in shares] == [
            len(range(rank, 7, world_size)) for rank in range(world_size)
        ]
    for split in ("val", "test"):
        parts = [batch for rank in ranks for batch in rank.evaluation_batches(split)]
        assert sorted(expressions(*parts)) == sorted(expressions(*whole.evaluation_batches(split)))
        assert {part.size for part in parts} == {2050}


def test_evaluation_sets_do_not_change() -> None:
    data = source(Arithmetic())
    again = source(Arithmetic(batch_size=9, compute_steps=3))
    for split in ("val", "test"):
        first = expressions(*data.evaluation_batches(split))
        data.batch(0)
        assert first == expressions(*data.evaluation_batches(split)) == expressions(*again.evaluation_batches(split))


@pytest.mark.parametrize("cell", ["gru", "intersection"])
def test_inputs_are_one_hot_and_every_step_is_scored(cell: str) -> None:
    task = Arithmetic(batch_size=5)
    batch = source(task).batch(0)
    network = RecurrentNetwork(cell, 2, task.input_size, 6, task.output_size, seed=1).double()
    one_hot = torch.zeros(5, 36, 14, dtype=torch.float64)
    for sample, string in enumerate(text(batch.inputs.squeeze(2))):
        for step, character in enumerate(string):
            one_hot[sample, step, ALPHABET.index(character)] = 1
    outputs, state = task.predict(network, batch)
    expected, expected_state = network(one_hot)
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(state, expected_state, rtol=1e-12, atol=1e-13)
    by_hand = []
    for rows, said in zip(outputs.tolist(), text(batch.targets), strict=True):
        nats = [math.log(sum(map(math.exp, row))) - row[ALPHABET.index(c)] for row, c in zip(rows, said, strict=True)]
        by_hand.append(sum(nats) / 36)
    assert task.loss_per_sample(outputs, batch).tolist() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("scored", ["string", "answer"])
def test_the_baseline_loss_is_that_of_each_steps_character_frequencies(scored: Scored) -> None:
    """With operands in [-2, 2] the 25 strings are equally likely, so the best constant predictor is known."""
    task = Arithmetic(operand_limit=2, compute_steps=1, steps=13, scored=scored)
    weights: Counter[tuple[int, str]] = Counter()
    for first, second in product(range(-2, 3), repeat=2):
        start = len(f"{first}+{second}=") + 1
        said = (start * " " + str(first + second)).ljust(13)
        length = len(str(first + second)) + 1
        steps = range(13) if scored == "string" else range(start, start + length)
        for step in steps:
            weights[step, said[step]] += 1 / len(steps) / 25
    at_step = [{c: w for (place, c), w in weights.items() if place == step} for step in range(13)]
    loss = -sum(w * math.log(w / sum(found.values())) for found in at_step for w in found.values())
    accuracy = sum(max(found.values(), default=0) for found in at_step)
    assert task.baseline_loss == pytest.approx(loss, rel=0.01)
    expected = {"cross_entropy": loss, "character_accuracy": accuracy, "exact_match": 0.0}
    assert task.baseline_metrics() == pytest.approx(expected, rel=0.01)
    assert task.baseline_metrics()["cross_entropy"] == task.baseline_loss


@pytest.mark.parametrize("scored", ["string", "answer"])
def test_the_baseline_metrics_are_those_of_the_character_frequencies(scored: Scored) -> None:
    task = Arithmetic(scored=scored)
    inputs, targets = task.draw_samples(5000, generator(9))
    whole = Batch(inputs, targets, 5000)
    weights = (whole.targets != UNSCORED) / (whole.targets != UNSCORED).sum(1, keepdim=True)
    frequencies = torch.stack([((whole.targets == code) * weights).sum(0) for code in range(12)], dim=1)
    logits = (frequencies + 1e-9).log().expand(5000, -1, -1)
    metric = task.make_metric(RecurrentNetwork("rnn", 1, 14, 1, 12))
    task.update_metric(metric, logits, whole)
    assert metric.compute() == pytest.approx(task.baseline_metrics(), rel=0.02)
    assert float(task.loss_per_sample(logits, whole).mean()) == pytest.approx(task.baseline_loss, rel=0.02)
    same_at_every_step = (frequencies.sum(0) + 1e-9).log().expand(5000, 36, -1)
    assert float(task.loss_per_sample(same_at_every_step, whole).mean()) > 1.05 * task.baseline_loss


def test_a_small_network_learns_to_add_small_numbers() -> None:
    task = Arithmetic(operand_limit=1, compute_steps=1, steps=10, evaluation_samples=100)
    network = RecurrentNetwork("gru", 1, task.input_size, 32, task.output_size, seed=0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    data = source(task)
    for step in range(200):
        batch = data.batch(step)
        optimizer.zero_grad()
        task.loss_per_sample(task.predict(network, batch)[0], batch).mean().backward()
        optimizer.step()
    metric = task.make_metric(network)
    for batch in data.evaluation_batches("test"):
        task.update_metric(metric, task.predict(network, batch)[0], batch)
    metrics = metric.compute()
    assert metrics["exact_match"] == 1
    assert metrics["cross_entropy"] < 0.05 * task.baseline_loss


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operand_limit": 0}, "operand_limit must be at least 1, got 0"),
        ({"operand_limit": 10**18, "steps": 99}, f"operand_limit must be at most {LARGEST_LIMIT}, got {10**18}"),
        ({"compute_steps": 0}, "compute_steps must be at least 1, got 0"),
        (
            {"compute_steps": 7},
            "steps must be at least 37 for '-10000000+-10000000=-20000000 ' with 7 compute steps, got 36",
        ),
        (
            {"operand_limit": 5, "compute_steps": 2, "steps": 11},
            "steps must be at least 12 for '-5+-5=-10 ' with 2 compute steps, got 11",
        ),
        ({"scored": "all"}, "scored must be one of string, answer; got 'all'"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"evaluation_samples": 0}, "evaluation_samples must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Arithmetic(**arguments)


def test_the_task_does_not_depend_on_the_network_size() -> None:
    task = Arithmetic(operand_limit=99, compute_steps=2, steps=20, scored="answer", seed=8, batch_size=11)
    assert task.for_network(10) == task.for_network(10**6) == task
    assert replace(task, seed=0) != task
    assert (task.input_size, task.output_size) == (14, 12)
