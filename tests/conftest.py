from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.program import CONFIGS, Runner, parser_built_once

torch.set_num_threads(1)  # the networks here are too small for more


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Seed the global generators before every test, so that results do not depend on the order of tests."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def wandb_session() -> Iterator[None]:
    """End the process's W&B session after every test, since it keeps the environment variables that it began with."""
    yield
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()


@pytest.fixture(scope="session", autouse=True)
def one_parser() -> Iterator[None]:
    with parser_built_once():
        yield


@pytest.fixture
def randomise() -> Callable[[nn.Module], None]:
    """A function that makes a module float64 and draws every parameter from N(0, 1/4), so that none is zero."""

    def randomise(module: nn.Module) -> None:
        module.double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.normal_(0.0, 0.5)

    return randomise


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "runs")


@pytest.fixture(scope="session")
def toy() -> Callable[..., list[str]]:
    """Command-line options that make a shipped config run in seconds."""

    smaller = {
        "arithmetic": ["--data.evaluation_samples=100"],
        "continuous_function": ["--data.samples=2000", "--data.tau=50"],
        "language": ["--data.length=6000", "--model.max_parameters=1500"],
        "memory": ["--model.max_parameters=2000"],
        "parentheses": ["--model.max_parameters=2500", "--data.evaluation_samples=64"],
        "text": ["--data.length=20000", "--model.max_parameters=1500"],
    }

    def options(config: str = "random_mapping") -> list[str]:
        return [
            "--config",
            str(CONFIGS / f"{config}.yaml"),
            "--trainer.max_steps=60",
            "--trainer.val_check_interval=1",
            "--model.max_parameters=150",
            "--model.steps_per_call=20",
            *smaller.get(config, []),
        ]

    return options
