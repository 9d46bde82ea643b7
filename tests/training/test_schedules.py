from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as schedules
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from rnn_capacity.cli import main
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule, TotalDecay
from rnn_capacity.training.schedules import build_schedule
from tests.kernel_builds import kernel_build
from tests.population.members import compare, member
from tests.program import Runner
from tests.training.conftest import Fit, quiet_trainer


class Rates(Callback):
    """Records the learning rate that each call leaves for the next step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.parametrize("decay", [1.0, 0.1, 1e-3])
def test_the_rate_decays_by_the_total_factor_over_the_run(fit: Fit, decay: float) -> None:
    rates = Rates()
    module = RecurrentModule(
        hidden_size=3,
        input_size=8,
        steps_per_call=1,
        optimizer=partial(Adam, lr=0.02),
        schedule=partial(TotalDecay, decay=decay),
    )
    fit(module, RandomMapping(samples=20, input_size=8), 40, rates)
    assert rates.seen == pytest.approx([0.02 * decay ** (step / 40) for step in range(1, 41)], rel=1e-12)
    assert rates.seen[-1] == pytest.approx(0.02 * decay, rel=1e-12)


def test_a_schedule_counts_optimizer_steps_not_calls(fit: Fit) -> None:
    rates = Rates()
    module = RecurrentModule(
        hidden_size=3, input_size=8, steps_per_call=8, optimizer=partial(Adam, lr=0.02), schedule=CosineAnnealingLR
    )
    fit(module, RandomMapping(samples=20, input_size=8), 40, rates)
    expected = [0.01 * (1 + math.cos(math.pi * step / 40)) for step in (8, 16, 24, 32, 40)]
    assert rates.seen == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_every_parameter_group_decays_from_its_own_rate() -> None:
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = SGD([{"params": weights[:1], "lr": 1.0}, {"params": weights[1:], "lr": 0.5}], lr=0.1)
    schedule = TotalDecay(optimizer, total_steps=10, decay=0.01)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.1, 0.05], rel=1e-12)


@pytest.mark.parametrize("decay", [0.0, -0.5, 1.5, math.nan])
def test_factors_outside_zero_to_one_are_rejected(decay: float) -> None:
    with pytest.raises(ValueError, match=r"decay must be in \(0, 1\], got"):
        TotalDecay(SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), total_steps=10, decay=decay)


STEPS = 60

OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "StepLR": ({"step_size": 17, "gamma": 0.3}, {}),
    "MultiStepLR": ({"milestones": [10, 45]}, {}),
    "ConstantLR": ({"factor": 0.5}, {"total_iters": STEPS}),
    "LinearLR": ({"end_factor": 0.01}, {"total_iters": STEPS}),
    "ExponentialLR": ({"gamma": 0.97}, {}),
    "PolynomialLR": ({"power": 2.0}, {"total_iters": STEPS}),
    "CosineAnnealingLR": ({"eta_min": 1e-4}, {"T_max": STEPS}),
    "CosineAnnealingWarmRestarts": ({"T_0": 11, "T_mult": 2}, {}),
    "OneCycleLR": ({"max_lr": 0.1, "pct_start": 0.4}, {"total_steps": STEPS}),
    "CyclicLR": ({"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 7}, {}),
}
"""Every schedule of torch that is stepped after each optimizer step: the arguments given, and those of the run."""

OWN_LENGTHS = {
    "CosineAnnealingLR": {"T_max": 13},
    "LinearLR": {"total_iters": 5},
    "OneCycleLR": {"max_lr": 0.1, "total_steps": 90},
}


def torch_rates(name: str, options: dict[str, Any]) -> list[float]:
    """The learning rates of a loop in plain torch."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02, momentum=0.9)
    schedule = getattr(schedules, name)(optimizer, **options)
    seen = []
    for _ in range(STEPS):
        optimizer.step()
        schedule.step()
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def scheduled(schedule: Callable[..., LRScheduler]) -> RecurrentModule:
    optimizer = partial(SGD, lr=0.02, momentum=0.9)
    return RecurrentModule(hidden_size=3, input_size=8, steps_per_call=1, optimizer=optimizer, schedule=schedule)


@pytest.mark.parametrize("build", ["auto", "off"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_schedule_of_torch_has_its_rates_and_resumes(fit: Fit, name: str, build: str, tmp_path: Path) -> None:
    given, of_the_run = OPTIONS[name]
    schedule = partial(getattr(schedules, name), **given)
    wanted = torch_rates(name, given | of_the_run)
    assert len(set(wanted)) > 1 or name == "ConstantLR"
    task, rates = RandomMapping(samples=20, input_size=8), Rates()
    whole = scheduled(schedule)
    with kernel_build(build):
        trainer = fit(whole, task, STEPS, rates)
        assert rates.seen == pytest.approx(wanted, rel=1e-12)

        class Save(Callback):
            def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
                if trainer.global_step == 25:
                    trainer.save_checkpoint(tmp_path / "25.ckpt")

        fit(scheduled(schedule), task, STEPS, Save())
        resumed, rest = scheduled(schedule), Rates()
        trainer = quiet_trainer(max_steps=STEPS, callbacks=[rest])
        trainer.fit(resumed, datamodule=TaskDataModule(task), ckpt_path=tmp_path / "25.ckpt", weights_only=True)
    assert rest.seen == pytest.approx(wanted[25:], rel=1e-12)
    for weight, value in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(weight, value)


@pytest.mark.parametrize("name", OPTIONS)
def test_members_of_a_population_follow_every_schedule_of_torch(name: str) -> None:
    schedule = partial(getattr(schedules, name), **OPTIONS[name][0])
    compare(lambda index: member(index, STEPS, kind="momentum", schedule=schedule), 2, 1e-9)


@pytest.mark.parametrize("name", OWN_LENGTHS)
def test_a_length_that_is_given_is_kept(name: str) -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02, momentum=0.9)
    schedule = build_schedule(partial(getattr(schedules, name), **OWN_LENGTHS[name]), optimizer, STEPS)
    seen = []
    for _ in range(STEPS):
        optimizer.step()
        schedule.step()
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == torch_rates(name, OWN_LENGTHS[name])


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("lengths", [{}, OWN_LENGTHS])
def test_the_command_line_gives_a_schedule_its_own_arguments(
    name: str, lengths: dict[str, dict[str, Any]], runner: Runner, toy: Callable[..., list[str]]
) -> None:
    given, of_the_run = OPTIONS[name]
    if lengths and name not in lengths:
        pytest.skip("it has no length")
    options = {**given, **lengths.get(name, {})}
    words = [f"--model.schedule.{key}={value}" for key, value in options.items()]
    optimizer = ["--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=0.02", "--model.optimizer.momentum=0.9"]
    path = f"--model.schedule=torch.optim.lr_scheduler.{name}"
    summary = runner("fit", *toy(), *optimizer, path, *words)
    again = runner("fit", "--config", summary["run"] / "config.yaml")
    assert again["loss"] == summary["loss"]
    for run in (summary["run"], again["run"]):
        (state,) = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"]
        assert state["param_groups"][0]["lr"] == pytest.approx(torch_rates(name, {**of_the_run, **options})[-1])


@pytest.mark.parametrize("name", ["ReduceLROnPlateau", "ChainedScheduler", "LRScheduler", "OneCycleLR"])
def test_schedules_that_cannot_work_are_rejected_by_name(
    name: str, runner: Runner, toy: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--model.schedule.max_lr=0.1", "--model.schedule.total_steps=20"] if name == "OneCycleLR" else []
    with pytest.raises(SystemExit) as stop:
        main(["fit", *toy(), *runner.quiet(), f"--model.schedule=torch.optim.lr_scheduler.{name}", *more])
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    if more:
        assert "schedule.total_steps must be at least the run's 60 optimizer steps, got 20" in line
    else:
        assert f"schedule must be one that is stepped at every optimizer step, got {name}, which" in line
    assert runner.runs() == []


def test_a_function_that_makes_a_plateau_schedule_is_rejected() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    for factory in (lambda one: schedules.ReduceLROnPlateau(one), partial(schedules.SequentialLR, milestones=[3])):
        with pytest.raises(ValueError, match="schedule must be one that is stepped at every optimizer step, got "):
            build_schedule(factory, optimizer, STEPS)


def test_a_schedule_is_tried_without_changing_a_learning_rate_that_is_a_tensor() -> None:
    optimizer = SGD([torch.zeros(2, requires_grad=True)], lr=torch.tensor(0.1))
    build_schedule(partial(schedules.StepLR, step_size=1), optimizer, steps=10)
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(0.1)
