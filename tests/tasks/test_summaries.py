"""The metrics that each task writes to summary.json, from its shipped config."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.program import Runner

EVERY = {
    "task",
    "cell",
    "depth",
    "units",
    "parameters",
    "samples",
    "steps",
    "loss",
    "feasible",
    "diverged_at",
    "seconds",
    "seeds",
    "versions",
    "machine",
    "commit",
}

METRICS = {
    "arithmetic": {"cross_entropy", "val_cross_entropy", "character_accuracy", "exact_match"},
    "continuous_function": {"weighted_mse", "implied_bits", "implied_bits_per_parameter"},
    "language": {
        "bits_per_character",
        "val_bits_per_character",
        "entropy_rate",
        "excess_bits_per_character",
    },
    "memory": {"mse", "dimensions_recovered", "reals_per_unit", "val_reals_per_unit", "reals_per_state_real"},
    "parentheses": {"cross_entropy", "val_cross_entropy", "count_accuracy", "sequence_accuracy"},
    "random_mapping": {
        "accuracy",
        "stored_bits",
        "bits_per_parameter",
        "likelihood_bits",
        "likelihood_bits_per_parameter",
    },
}


@pytest.mark.parametrize("config", METRICS)
@pytest.mark.parametrize("diverges", [False, True])
def test_the_summary_has_the_tasks_metrics_also_after_a_divergence(
    config: str, diverges: bool, runner: Runner, toy: Callable[..., list[str]]
) -> None:
    more = ["--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=1e30", "--model.clip_norm=null"]
    summary = runner("fit", *toy(config), *(more if diverges else []))
    assert summary.pop("run").is_dir()
    assert summary.keys() >= EVERY
    assert METRICS[config] <= summary.keys()
    assert summary["feasible"] != diverges
    assert all(math.isfinite(summary[name]) for name in METRICS[config])
