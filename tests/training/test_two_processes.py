from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.two_processes import SCENARIOS, train

Results = dict[str, dict[str, Any]]
TRAINED = [scenario for scenario in SCENARIOS if scenario != "divergence"]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    """The results of each of two processes that trained together."""
    folder = tmp_path_factory.mktemp("ranks")
    script = Path(__file__).with_name("two_processes.py")
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("scenario", TRAINED)
def test_two_processes_train_like_one(ranks: list[Results], scenario: str) -> None:
    alone = train(scenario, devices=1)
    for rank, results in enumerate(ranks):
        result = results[scenario]
        assert result["rank"] == rank
        assert result["steps"] == alone["steps"] == 60
        assert result["losses"] == pytest.approx(alone["losses"], rel=1e-9)
        torch.testing.assert_close(result["weights"], alone["weights"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scenario", TRAINED)
def test_two_processes_evaluate_to_the_metrics_of_one(ranks: list[Results], scenario: str) -> None:
    alone = train(scenario, devices=1)
    assert alone["fitted"]["stored_bits"] > 5
    for stage in ("fitted", "tested"):
        first, second = (results[scenario][stage] for results in ranks)
        assert first == second
        assert first == pytest.approx(alone[stage], rel=1e-6)


def test_two_processes_have_identical_weights(ranks: list[Results]) -> None:
    for scenario in TRAINED:
        assert torch.equal(*(results[scenario]["weights"] for results in ranks))


def test_two_processes_diverge_at_the_step_of_one(ranks: list[Results]) -> None:
    alone = train("divergence", devices=1)
    assert alone["diverged_at"] is not None
    assert 1 < alone["steps"] < 60
    for results in ranks:
        result = results["divergence"]
        assert (result["diverged_at"], result["steps"]) == (alone["diverged_at"], alone["steps"])
        assert result["fitted"] == alone["fitted"]
