from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import Parentheses
from rnn_capacity.tasks.parentheses import count_distribution, draw_symbols, open_brackets
from rnn_capacity.training import BatchSource

CPU = torch.device("cpu")
OPENING = "([{<"
CLOSING = ")]}>"


def source(task: Parentheses, rank: int = 0, world_size: int = 1) -> BatchSource:
    return task.batch_source(CPU, torch.float32, rank, world_size)


def naive_count(symbols: list[int], kind: int) -> int:
    """Read one stream: symbol k opens type k, symbol 10 + k closes it, the others are noise."""
    count = 0
    for symbol in symbols:
        if symbol == kind:
            count = min(count + 1, 9)
        elif symbol == 10 + kind:
            count = max(count - 1, 0)
    return count


def symbol_of(character: str) -> int:
    """The symbol's index: bracket types in the order of OPENING, letters as noise."""
    if character in OPENING:
        return OPENING.index(character)
    return 10 + CLOSING.index(character) if character in CLOSING else 20 + ord(character) - ord("a")


def counts_in_every_stream(text: str) -> list[int]:
    """The counts when all ten streams read the same text."""
    symbols = torch.tensor([symbol_of(character) for character in text])
    return open_brackets(symbols.view(1, -1, 1).expand(1, -1, 10))[0].tolist()


def test_counts_match_the_example_of_the_paper() -> None:
    counts = dict(zip(OPENING, counts_in_every_stream("(a<a<bcb>[[[)"), strict=False))
    assert counts == {"(": 0, "[": 3, "{": 0, "<": 1}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("((((((((((((", 9),
        ("))))(", 1),
        ("((((((((((((())", 7),
        ("())(", 1),
        ("j", 0),
        ("[[]](", 1),
        ("(" * 20 + ")" * 9, 0),
    ],
)
def test_counts_stay_between_zero_and_nine(text: str, count: int) -> None:
    assert counts_in_every_stream(text)[0] == count


def test_counts_match_a_loop_over_the_symbols() -> None:
    random = torch.Generator().manual_seed(0)
    crowded = torch.randint(3, (40, 300, 10), generator=random)  # mostly the stream's own brackets, hence both ends
    own = torch.arange(10)
    crowded = torch.where(crowded == 0, own, torch.where(crowded == 1, own + 10, torch.tensor(25)))
    for symbols in (draw_symbols(40, 175, random), draw_symbols(5, 5000, random), crowded):
        expected = [[naive_count(row[:, kind].tolist(), kind) for kind in range(10)] for row in symbols]
        assert open_brackets(symbols).tolist() == expected
    assert {0, 9} <= set(open_brackets(crowded).flatten().tolist())


def test_half_of_the_symbols_are_noise_and_half_are_brackets_of_any_type() -> None:
    symbols = draw_symbols(2000, 175, torch.Generator().manual_seed(0))
    for stream in range(10):
        shares = torch.bincount(symbols[..., stream].flatten(), minlength=30).double() / (2000 * 175)
        expected = torch.tensor([1 / 40] * 20 + [1 / 20] * 10, dtype=torch.float64)
        assert len(shares) == 30
        assert float(((shares - expected).abs() / (expected / (2000 * 175)).sqrt()).max()) < 4.5


def test_streams_are_independent() -> None:
    symbols = draw_symbols(2000, 50, torch.Generator().manual_seed(1)).view(-1, 10)
    noise = (symbols >= 20).double() - 0.5
    correlation = noise.T @ noise / (0.25 * len(noise))
    assert float((correlation - torch.eye(10)).abs().max()) < 5 * len(noise) ** -0.5


@pytest.mark.parametrize("steps", [0, 1, 2, 30, 175])
def test_the_distribution_of_a_count_matches_a_random_walk(steps: int) -> None:
    shares = [1.0] + [0.0] * 9
    for _ in range(steps):
        after = [0.0] * 10
        for count, share in enumerate(shares):
            for change, chance in ((1, 1 / 40), (-1, 1 / 40), (0, 38 / 40)):
                after[min(max(count + change, 0), 9)] += share * chance
        shares = after
    assert count_distribution(steps).tolist() == pytest.approx(shares, abs=1e-13)


def test_the_baseline_is_that_of_the_best_constant_logits() -> None:
    task = Parentheses(batch_size=4000)
    batch = source(task).batch(0)
    shares = count_distribution(175)
    drawn = torch.bincount(batch.targets.flatten(), minlength=10) / batch.targets.numel()
    assert float(((drawn - shares).abs() / (shares / batch.targets.numel()).sqrt()).max()) < 4
    logits = shares.log().repeat(10).expand(4000, 1, 100)
    losses = task.loss_per_sample(logits, batch)
    assert task.baseline_loss == pytest.approx(18.2085, abs=1e-4)
    assert float(losses.mean()) == pytest.approx(task.baseline_loss, abs=4 * float(losses.std()) / 4000**0.5)
    metric = task.make_metric(RecurrentNetwork("rnn", 1, 300, 1, 100))
    task.update_metric(metric, logits, batch)
    measured, baseline = metric.compute(), task.baseline_metrics()
    assert measured.keys() == baseline.keys()
    assert measured["count_accuracy"] == pytest.approx(baseline["count_accuracy"], abs=0.01)
    assert measured["cross_entropy"] == pytest.approx(baseline["cross_entropy"], rel=0.01)
    assert baseline["sequence_accuracy"] == pytest.approx(float(shares[0]) ** 10, rel=1e-12)


def test_inputs_are_ten_one_hot_symbols_and_the_last_step_is_scored() -> None:
    task = Parentheses(steps=12, batch_size=6)
    network = RecurrentNetwork("gru", 2, 300, 5, 100, seed=0).double()
    batch = source(task).batch(3)
    symbols, counts = batch.inputs - 30 * torch.arange(10), batch.targets
    assert counts.tolist() == open_brackets(symbols).tolist()
    dense = F.one_hot(symbols, 30).double().flatten(2)  # (batch, steps, 300)
    expected = network(dense)[0][:, -1:]
    logits = task.predict(network, batch)[0]
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-13)
    streams = expected[:, 0].split(10, dim=1)
    by_hand = sum(F.cross_entropy(streams[k], counts[:, k], reduction="none") for k in range(10))
    torch.testing.assert_close(task.loss_per_sample(logits, batch), by_hand, rtol=1e-12, atol=0)


def batches_by_kind(task: Parentheses, rank: int = 0, world_size: int = 1) -> dict[str, Tensor]:
    """Every kind of batch of one process, inputs in one tensor."""
    data = source(task, rank, world_size)
    kinds = {f"train {step}": data.batch(step).inputs for step in (0, 1, 7)}
    for split in ("val", "test"):
        kinds[split] = torch.cat([part.inputs for part in data.evaluation_batches(split)])
    return kinds


def test_batches_depend_on_seed_split_and_step_only() -> None:
    task = Parentheses(steps=20, batch_size=9, evaluation_samples=1203, seed=2)
    first, state = batches_by_kind(task), torch.random.get_rng_state()
    again = batches_by_kind(task)
    assert all(torch.equal(first[kind], again[kind]) for kind in first)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert len(first["val"]) == len(first["test"]) == 1203
    everything = torch.cat(
        [
            *first.values(),
            *batches_by_kind(Parentheses(steps=20, batch_size=9, evaluation_samples=1203, seed=3)).values(),
        ]
    )
    assert len(everything.flatten(1).unique(dim=0)) == len(everything)


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_ranks_divide_every_batch(world_size: int) -> None:
    task = Parentheses(steps=20, batch_size=10, evaluation_samples=1201)
    whole = batches_by_kind(task)
    shares = [batches_by_kind(task, rank, world_size) for rank in range(world_size)]
    for kind, inputs in whole.items():
        assert sum(len(share[kind]) for share in shares) == len(inputs)
        found = {tuple(row.tolist()) for share in shares for row in share[kind].flatten(1)}
        assert found == {tuple(row.tolist()) for row in inputs.flatten(1)}
    assert source(task, 1, world_size).batch(0).size == 10


@pytest.mark.parametrize("name", ["steps", "batch_size", "evaluation_samples", "seed"])
def test_arguments_out_of_range_are_rejected(name: str) -> None:
    arguments: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must be at least {0 if name == 'seed' else 1}, got -1"):
        Parentheses(**arguments)
