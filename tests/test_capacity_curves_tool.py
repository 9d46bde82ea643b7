from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TOOLS = Path(__file__).parent.parent / "tools"


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TOOLS)  # scripts import their neighbours
    return importlib.import_module("capacity_curves")


def test_the_expected_best_is_the_mean_over_all_choices_of_trials(curves: ModuleType) -> None:
    values = [1.5, -0.25, 3.0, 2.0, 2.0]
    means = [np.mean([max(some) for some in itertools.combinations(values, n)]) for n in range(1, 6)]
    np.testing.assert_allclose(curves.expected_best(values), means)


def test_the_expected_best_of_many_trials_ends_at_their_maximum(curves: ModuleType) -> None:
    values = np.linspace(0, 4, 500)
    best = curves.expected_best(values)
    np.testing.assert_allclose([best[0], best[-1]], [2, 4])
    assert np.all(np.diff(best) > -1e-9)


def test_a_power_law_is_recovered_from_noisy_points_within_its_standard_error(curves: ModuleType) -> None:
    steps = np.array([1000, 2000, 4000, 8000, 16_000, 32_000])
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(steps))
    law = curves.fit_power_law(steps, 4.5 - 1.2 * (steps / 1000) ** -0.6 + noise)
    assert abs(law.limit - 4.5) < 3 * law.error < 0.3
    assert law.exponent == pytest.approx(0.6, abs=0.1)


def test_the_best_trial_of_a_study_is_trained_with_other_steps_and_seeds(
    curves: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rnn_capacity.cli import main

    storage = f"sqlite:///{tmp_path}/studies.db"
    options = ["--trials=2", "--study=night/capacity-best/rnn-1-60", f"--storage={storage}", "--population=2"]
    options += ["--model.max_parameters=60", "--trainer.max_steps=20", f"--trainer.default_root_dir={tmp_path}"]
    main(["search", "--config=random_mapping", "--sweep=capacity_narrow", *options])
    arguments = ["--networks", "rnn-1-60", "--steps", "5", "10", "--seeds", "2", "--out", str(tmp_path / "results")]
    monkeypatch.setattr(sys, "argv", ["capacity_curves.py", "--storage", storage, *arguments])
    curves.main()
    found = json.loads((tmp_path / "results/capacity_curves.json").read_text())
    assert [(run["steps"], len(run["values"])) for run in found["runs"]] == [(5, 2), (10, 2)]
    assert len(found["trials"]["night/capacity-best/rnn-1-60"]) == 2
    assert "| RNN, 60 |" in capsys.readouterr().out
    assert (tmp_path / "results/capacity_curves.png").stat().st_size > 1000
