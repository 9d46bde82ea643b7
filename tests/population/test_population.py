"""A member's result is that of the same trial trained alone by `fit`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD, Adam, AdamW, NAdam, RMSprop

from rnn_capacity import tasks
from rnn_capacity.cells import CELLS
from rnn_capacity.models import Initialization
from rnn_capacity.population import Member, train
from rnn_capacity.population.plan import chunks, plan
from rnn_capacity.training import TotalDecay

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": partial(SGD, lr=1e-3),
    "momentum": partial(SGD, lr=1e-3, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "rmsprop": partial(RMSprop, lr=1e-3),
    "rmsprop with momentum": partial(RMSprop, lr=1e-3, momentum=0.5, weight_decay=0.01),
    "adam": partial(Adam, lr=1e-3, betas=(0.8, 0.99)),
    "adamw": partial(AdamW, lr=1e-3, weight_decay=0.1),
    "adam, decoupled": partial(Adam, lr=1e-3, weight_decay=0.1, decoupled_weight_decay=True),
}


def member(place: int, steps: int, cell: str = "rnn", kind: str = "adam", **given: Any) -> Member:
    """A member unlike its neighbours in everything that members of one chunk may differ in."""
    data = given.pop("data", None) or tasks.RandomMappingData(samples=20 + 2 * place, input_size=6, steps=3)
    options: dict[str, Any] = {
        "depth": 2 if cell == "intersection" else 1,
        "hidden_size": 4,
        "b_fg": 0.5 * place,
        "initialization": Initialization(
            recurrent="normal" if cell != "irnn" else None,
            input_scale=0.5 + 0.1 * place,
            bias="normal",
            bias_scale=0.0 if cell == "irnn" else 0.3,
        ),
        "optimizer": partial(OPTIMIZERS[kind], lr=1e-3 / (1 + place)) if kind in OPTIMIZERS else given.pop("optimizer"),
        "schedule": partial(TotalDecay, decay=0.1 * (1 + place)),
        "clip_norm": 0.02 if place % 2 else None,
        "clip_value": 0.01 if place % 3 == 2 else None,
        "l2": 1e-3 * place,
        "seed": place,
    }
    kinds = {tasks.RandomMappingData: tasks.RandomMappingModule}
    module_class = kinds.get(type(data)) or getattr(tasks, type(data).__name__.replace("Data", "Module"))
    sizes = {"input_size": data.input_size, "output_size": data.output_size}
    return Member(module_class(cell, **sizes, **{**options, **given}).double(), data, steps)


def alone(one: Member) -> tuple[Tensor, dict[str, Any]]:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer: Any = Trainer(max_steps=one.max_steps, accelerator="cpu", enable_checkpointing=False, **quiet)  # type: ignore[arg-type]  # a dict of bools
    trainer.fit(one.module, datamodule=one.data)
    trainer.test(one.module, datamodule=one.data, verbose=False)
    module = one.module
    return parameters_to_vector(module.network.parameters()).detach(), {
        **module.measured[one.task.final_splits[-1]],
        "feasible": module.diverged_at is None,
        "diverged_at": module.diverged_at,
    }


def compare(make: Callable[[int], Member], members: int, tolerance: float) -> None:
    together = [make(place) for place in range(members)]
    results = train(together)
    for place, (one, result) in enumerate(zip(together, results, strict=True)):
        weights, figures = alone(make(place))
        found = parameters_to_vector(one.module.network.parameters()).detach()
        torch.testing.assert_close(found, weights, rtol=tolerance, atol=tolerance)
        for name, value in figures.items():
            expected = value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)
            assert result[name] == expected, name


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_one_step_is_that_of_each_member_alone(cell: str, kind: str) -> None:
    compare(lambda place: member(place, 1, cell, kind), 4, 1e-12)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_two_hundred_steps_are_those_of_each_member_alone(cell: str, kind: str) -> None:
    compare(lambda place: member(place, 200, cell, kind), 2, 1e-9)


def test_adam_without_a_mean() -> None:
    factory = partial(Adam, lr=1e-3, betas=(0.0, 0.9))
    compare(lambda place: member(place, 5, "gru", "no mean", optimizer=factory), 3, 1e-11)


def test_where_rounding_grows_a_member_drifts_no_further_than_a_network_alone() -> None:
    def make(place: int) -> Member:
        return member(place, 200, "rnn", "short memory", optimizer=partial(RMSprop, lr=1e-3, alpha=0.9))

    weights, _ = alone(make(0))
    drifts = []
    for seed in range(3):
        one = make(0)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in one.module.parameters():
                signs = torch.randn(parameter.shape, dtype=parameter.dtype, generator=random).sign()
                parameter.mul_(1 + signs * torch.finfo(parameter.dtype).eps)
        drifts.append(float((alone(one)[0] - weights).abs().max()))
    together = [make(0), make(1)]
    train(together)
    found = parameters_to_vector(together[0].module.network.parameters()).detach()
    assert max(drifts) > 1e-9  # the gradient's sign decides here
    assert float((found - weights).abs().max()) <= 2 * max(drifts)


def test_members_of_other_lengths_leave_early() -> None:
    compare(lambda place: member(place, 30 + 40 * place), 4, 1e-9)


TASKS: dict[str, Callable[[], Any]] = {
    "minibatches": lambda: tasks.RandomMappingData(samples=40, input_size=6, steps=3, batch_size=16),
    "classes": lambda: tasks.RandomMappingData(samples=40, input_size=6, steps=3, classes=3, loss_from=2),
    "every step": lambda: tasks.RandomMappingData(samples=40, input_size=6, steps=3, show="every"),
    "memory": lambda: tasks.MemoryData(input_size=4, steps=3, batch_size=8, evaluation_samples=20),
    "continuous function": lambda: tasks.ContinuousFunctionData(
        samples=50, input_size=4, tau=5.0, steps=4, batch_size=9
    ),
    "parentheses": lambda: tasks.ParenthesesData(steps=5, batch_size=4, evaluation_samples=10),
    "arithmetic": lambda: tasks.ArithmeticData(operand_limit=9, steps=14, batch_size=4, evaluation_samples=10),
    "language": lambda: tasks.LanguageData(length=3000, steps=6, warmup=2, batch_size=4),
    "streams": lambda: tasks.LanguageData(length=3000, steps=6, warmup=0, batch_size=4, order="streams"),
}


@pytest.mark.parametrize("cell", ["rnn", "gru"])
@pytest.mark.parametrize("task", TASKS)
def test_every_task(task: str, cell: str) -> None:
    compare(lambda place: member(place, 25, cell, data=TASKS[task](), depth=2), 3, 1e-9)


def test_a_mixture_is_sorted_into_chunks() -> None:
    def make(place: int) -> Member:
        return member(place, 20, ("rnn", "gru")[place % 2], ("adam", "sgd")[place // 2 % 2])

    compare(make, 8, 1e-9)


def test_a_diverged_member_is_infeasible_and_the_others_go_on() -> None:
    def make(place: int) -> Member:
        wild = {"kind": "sgd", "nonlinearity": "relu", "clip_norm": None, "clip_value": None, "schedule": None}
        if place == 1:
            wild["optimizer"] = partial(SGD, lr=1e6)
            wild["kind"] = "wild"
        return member(place, 120, "rnn", **wild)

    results = train([make(place) for place in range(3)])
    assert [result["feasible"] for result in results] == [True, False, True]
    assert results[1]["bits_per_parameter"] == 0.0
    solo = make(1)
    assert results[1]["diverged_at"] == alone(solo)[1]["diverged_at"]
    assert results[1]["steps"] == solo.module.steps_trained
    weights, _ = alone(make(2))
    again = [make(place) for place in range(3)]
    train(again)
    torch.testing.assert_close(
        parameters_to_vector(again[2].module.network.parameters()).detach(), weights, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "nadam", "optimizer": partial(NAdam, lr=1e-3)},
        {"dropout": 0.3, "depth": 2},
        {"freeze": [0]},
        {"layer_rates": [0.5]},
        {"cell": "tests.population.own_cells.OneNetworkCell"},
        {"cell": "tests.population.own_cells.MixingCell"},
    ],
    ids=str,
)
def test_what_cannot_be_stacked_is_trained_alone(given: dict[str, Any]) -> None:
    assert plan(0, member(0, 10, **given)).kind is None
    compare(lambda place: member(place, 10, **given), 2, 1e-12)


def test_cells_whose_code_reads_other_numbers_are_not_stacked_together() -> None:
    def make(place: int) -> Member:
        options = {"slope": 0.5 + 0.1 * place}
        return member(place, 20, "tests.population.own_cells.SlopeCell", b_fg=0.0, cell_options=options)

    plans = [plan(place, make(place)) for place in range(2)]
    assert all(one.kind is not None for one in plans)
    assert len(chunks(plans, torch.device("cpu"))) == 2
    compare(make, 2, 1e-9)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", ["tests.own_cell.MinimalGatedUnit", "tests.population.own_cells.LeakyCell"])
def test_a_cell_from_elsewhere_is_stacked_where_its_code_allows(cell: str, depth: int) -> None:
    assert plan(0, member(0, 10, cell, depth=depth, b_fg=0.0)).kind is not None
    compare(lambda place: member(place, 50, cell, depth=depth, b_fg=0.0), 3, 1e-9)


def test_samples_are_bucketed() -> None:
    plans = [
        plan(place, member(place, 1, data=tasks.RandomMappingData(samples=b, input_size=12)))
        for place, b in enumerate((1000, 100, 10, 105, 990, 98))
    ]
    found = [[one.member.task.samples for one in chunk] for chunk in chunks(plans, torch.device("cpu"))]
    assert found == [[10], [98, 100, 105], [990, 1000]]


def test_results_come_as_members_finish() -> None:
    seen: list[tuple[int, int]] = []
    steps: list[int] = []
    results = train(
        [member(0, 120), member(1, 30)],
        on_result=lambda place, figures: seen.append((place, figures["steps"])),
        on_call=steps.append,
    )
    assert seen == [(1, 30), (0, 120)]
    assert steps == [30, 80, 120]
    assert [result["steps"] for result in results] == [120, 30]
