"""Numbers that no computation can use are rejected wherever a number is expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from jsonargparse import Namespace
from torch.optim import SGD, Adam, Optimizer, SparseAdam
from torch.optim.lr_scheduler import StepLR

from rnn_capacity.checks import check_finite
from rnn_capacity.models import Initialization
from rnn_capacity.parsing import check_null_arguments
from rnn_capacity.tasks import Memory
from rnn_capacity.training import RecurrentModule, is_diverged
from tests.program import TASKS

Module = partial(RecurrentModule, hidden_size=3)


def steps(module: RecurrentModule) -> Any:
    return module.build_optimizer(total_steps=10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Module("gru", b_fg=math.nan), "b_fg must be a finite number, got nan"),
        (lambda: Module("gru", b_fg={"update": -math.inf}), "b_fg.update must be a finite number, got -inf"),
        (lambda: Module(cell_options={"leak": math.inf}), "cell_options.leak must be a finite number, got inf"),
        (lambda: Module(l2=math.nan), "l2 must be at least 0, got nan"),
        (lambda: Module(clip_norm=math.nan), "clip_norm must be a positive number, got nan"),
        (lambda: Module(seed=2**63), f"seed must be at most {2**63 - 1}, got {2**63}"),
        (lambda: steps(Module(layer_rates=[math.nan])), "layer_rates must be 1 factors of at least 0"),
        (lambda: Initialization(bias_scale=math.inf), "initialization.bias_scale must be a finite number, got inf"),
        (
            lambda: Initialization(recurrent_scale={"gate": math.nan}),
            "initialization.recurrent_scale.gate must be a finite number, got nan",
        ),
        (lambda: steps(Module(optimizer=partial(Adam, lr=math.inf))), "optimizer.lr must be a finite number, got inf"),
        (
            lambda: steps(Module(optimizer=partial(Adam, betas=(0.9, math.nan)))),
            "Invalid beta parameter at index 1: nan",
        ),
        (
            lambda: steps(Module(optimizer=partial(SGD, dampening=-math.inf))),
            "optimizer.dampening must be a finite number, got -inf",
        ),
        (
            lambda: steps(Module(schedule=partial(StepLR, step_size=3, gamma=math.nan))),
            "schedule.gamma must be a finite number, got nan",
        ),
        (
            lambda: steps(Module(optimizer=SparseAdam)),
            "optimizer must be one for dense gradients, got SparseAdam",
        ),
    ],
)
def test_a_network_of_impossible_numbers_is_rejected(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("task", TASKS)
def test_seeds_of_tasks_have_64_bits(task: str) -> None:
    given: dict[str, Any] = {"samples": 8} if task == "random_mapping" else {}
    for name in ("seed", *(("language_seed", "sample_seed") if task == "language" else ())):
        with pytest.raises(ValueError, match=f"{name} must be at most {2**63 - 1}, got {2**63}"):
            TASKS[task](**given, **{name: 2**63})


def test_infinite_bounds_bound_nothing() -> None:
    rule = Module(clip_norm=math.inf, clip_value=math.inf, divergence_factor=math.inf).rule
    assert not is_diverged(1e30, rule, Memory())


def test_numbers_in_lists_and_mappings_are_checked() -> None:
    check_finite(a=1, b=None, c="inf", d=[1.0, {"e": True}], f=torch.tensor(math.inf), g=2**63 - 1, h=Optimizer)
    with pytest.raises(ValueError, match=r"a.1.b must be a finite number, got nan"):
        check_finite(a=[0, {"b": math.nan}])


class OptionalParts:
    """A user's class whose arguments may be null."""

    def __init__(self, extra: Any, part: object, size: int = None) -> None:  # type: ignore[assignment]  # noqa: RUF013  # as users write it
        self.parts = extra, part, size


@pytest.mark.parametrize(("argument", "allowed"), [("extra", True), ("part", True), ("size", True), ("seed", False)])
def test_an_argument_can_be_null_where_its_type_or_its_default_allows(argument: str, allowed: bool) -> None:
    kind = f"{__name__}.OptionalParts" if allowed else "rnn_capacity.training.RecurrentModule"
    config = Namespace(class_path=kind, init_args=Namespace(**{argument: None}))
    with nullcontext() if allowed else pytest.raises(ValueError, match=r"model.seed must be of type int, got null"):
        check_null_arguments("model", config)
