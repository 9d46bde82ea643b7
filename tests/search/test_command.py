from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from optuna.trial import TrialState

from rnn_capacity.cli import main
from rnn_capacity.studies import Study, feasible, metrics, study_names
from tests.program import Runner
from tests.search.toy_search import DIVERGING, LR, PARAMETERS, SAMPLES, ToySearch
from tests.studies.grid import counts

Toy = Callable[..., list[str]]


def test_a_search_stores_every_trial_and_shows_the_best(
    searching: ToySearch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", *searching.options()])
    study = searching.study()
    assert counts(study) == (6, 0, 0, 0)
    for trial in study.snapshot().trials:
        assert set(trial.params) == set(PARAMETERS)
        assert trial.value == metrics(trial)["bits_per_parameter"]
        assert metrics(trial)["steps"] == 60
        assert metrics(trial)["samples"] == round(trial.params[SAMPLES] * metrics(trial)["parameters"])
    best = study.snapshot().best(1)[0]
    assert best.value == max(trial.value or 0 for trial in study.snapshot().trials)
    shown = capsys.readouterr().out
    assert "toy: 6 trials, 0.0% infeasible" in shown
    assert f"{best.value:.4g}" in shown
    config = yaml.safe_load((searching.root / "runs" / "studies" / "toy" / "best.yaml").read_text())
    assert config["data"]["init_args"]["samples_per_parameter"] == best.params[SAMPLES]


def test_a_finished_search_gets_more_trials_from_its_storage(searching: ToySearch) -> None:
    main(["search", *searching.options("--trials=3")])
    first = searching.study().snapshot().trials
    main(["search", *searching.options("--trials=5")])
    main(["search", "--resume", *searching.again("--trials=6")])
    main(["search", "--resume", *searching.again("--trials=6")])
    study = searching.study()
    assert counts(study) == (6, 0, 0, 0)
    assert study.snapshot().trials[:3] == first
    assert len({json.dumps(trial.params) for trial in study.snapshot().trials}) == 6


def test_a_study_resumes_to_its_largest_number_of_trials(searching: ToySearch) -> None:
    resumed = [option for option in searching.again() if not option.startswith("--trials")]
    main(["search", *searching.options("--trials=1")])
    main(["search", "--resume", *searching.again("--trials=2")])
    searching.study().set_total(3)  # as --trials=3 does, which then is interrupted
    main(["search", "--resume", *searching.again("--trials=1")])
    assert len(searching.study().snapshot().finished) == 2
    main(["search", "--resume", *resumed])
    assert len(searching.study().snapshot().finished) == 3


def test_a_diverged_trial_has_a_result(searching: ToySearch, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", *searching.options("--trials=4", parameters=DIVERGING)])
    study = searching.study()
    assert counts(study) == (4, 0, 0, 4)
    assert {(trial.value, feasible(trial)) for trial in study.snapshot().trials} == {(0.0, False)}
    assert all(metrics(trial)["diverged_at"] >= 1 for trial in study.snapshot().trials)
    assert "4 trials, 100.0% infeasible" in capsys.readouterr().out


def test_a_diverged_trial_has_the_baseline_loss(searching: ToySearch) -> None:
    metric = {"name": "final/loss", "goal": "minimize"}
    main(["search", *searching.options("--trials=2", parameters=DIVERGING, metric=metric)])
    assert counts(searching.study()) == (2, 0, 0, 2)
    assert [trial.value for trial in searching.study().snapshot().trials] == pytest.approx([math.log(2)] * 2)


def test_enough_trials_show_the_importances(searching: ToySearch, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--trials=24", "--population=24", "--trainer.max_steps=20"]
    main(["search", *searching.options(*more)])
    table = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line or "┃" in line]
    shares = {row[1].strip(): row[-2].strip() for row in table if len(row) > 2}
    found = [float(shares[name]) for name in ("lr", "recurrent_scale", "samples_per_parameter")]
    assert sum(found) == pytest.approx(1.0, abs=0.02)


def test_a_trial_that_a_constructor_rejects_is_infeasible(
    searching: ToySearch, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = "model.init_args.max_parameters"
    parameters = {budget: {"distribution": "int_uniform", "min": 1, "max": 60}}
    main(["search", *searching.options(parameters=parameters)])
    trials = searching.study().snapshot().trials
    refused = [trial for trial in trials if "refused" in metrics(trial)]
    assert {trial.number for trial in refused} == {trial.number for trial in trials if trial.params[budget] < 29}
    assert 0 < len(refused) < 6
    said = capsys.readouterr().err
    for trial in refused:
        assert (trial.value, feasible(trial)) == (0.0, False)
        assert f"toy: trial {trial.number} refused: max_parameters must be at least 29, " in said
        assert f", got {trial.params[budget]}" in said
    assert len(searching.study().snapshot().infeasible) == len(refused)


@pytest.mark.parametrize(
    ("metric", "name", "goal"),
    [
        (None, "bits_per_parameter", "maximize"),
        ({"name": "final/loss", "goal": "minimize"}, "loss", "minimize"),
        ({"name": "final/accuracy", "goal": "maximize"}, "accuracy", "maximize"),
    ],
)
def test_a_study_optimizes_the_metric_of_the_sweep(
    metric: dict[str, str] | None, name: str, goal: str, searching: ToySearch
) -> None:
    main(["search", *searching.options("--trials=3", metric=metric)])
    study = searching.study()
    assert study.goal == goal
    found = [metrics(trial)[name] for trial in study.snapshot().trials]
    assert study.snapshot().best(1)[0].value == (max(found) if goal == "maximize" else min(found))


def test_a_goal_against_the_metrics_direction_is_reported(
    searching: ToySearch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", *searching.options("--trials=1", metric={"name": "final/bits_per_parameter"})])
    said = capsys.readouterr().err
    assert "metric.goal should be maximize for bits_per_parameter, got minimize" in said


def test_no_trial_starts_after_one_has_reached_the_target(searching: ToySearch) -> None:
    metric = {"name": "final/accuracy", "goal": "maximize", "target": 0.5}
    main(["search", *searching.options("--population=2", metric=metric)])
    assert counts(searching.study()) == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("config", "precision", "tolerance"), [("random_mapping", "64-true", 1e-6), ("memory", "32-true", 1e-3)]
)
def test_the_printed_command_retrains_the_best_trial(
    config: str,
    precision: str,
    tolerance: float,
    searching: ToySearch,
    toy: Toy,
    runner: Runner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parameters = {LR: PARAMETERS[LR], "trainer.max_steps": {"min": 40, "max": 60}}
    sweep = searching.sweep(metric=None, parameters=parameters)
    options = [*toy(config), f"--sweep={sweep}", *searching.again("--trials=3", f"--trainer.precision={precision}")]
    main(["search", *options])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("retrain")]
    command = line.partition("rnn-capacity ")[2].split()
    best = searching.study().snapshot().best(1)[0]
    summary = runner(*command, "--trainer.accelerator=cpu")
    assert metrics(best)["diverged_at"] is None
    for name, value in metrics(best).items():
        assert summary[name] == (pytest.approx(value, rel=tolerance) if isinstance(value, float) else value), name


def test_a_grid_search_ends_with_its_grid(searching: ToySearch) -> None:
    parameters = {LR: {"values": [1e-3, 1e-2]}, "model.init_args.depth": {"values": [1, 2]}}
    main(["search", *searching.options(method="grid", parameters=parameters)])
    points = {
        (trial.params[LR], trial.params["model.init_args.depth"]) for trial in searching.study().snapshot().trials
    }
    assert points == {(rate, depth) for rate in (1e-3, 1e-2) for depth in (1, 2)}
    assert len(searching.study().snapshot().finished) == 4


def test_a_grid_of_studies_can_be_resumed(searching: ToySearch, capsys: pytest.CaptureFixture[str]) -> None:
    grid = ["--cells=rnn,intersection", "--depths=1,2", "--sizes=150"]
    names = ["toy/rnn-d1-p150", "toy/rnn-d2-p150", "toy/intersection-d2-p150"]
    parameters = {**PARAMETERS, "model.init_args.b_fg": {"min": 0.0, "max": 3.0}}
    main(["search", *searching.options("--trials=1", *grid, parameters=parameters)])
    shown = capsys.readouterr()
    assert "intersection-d1-p150: left out" in shown.err
    assert "model.init_args.b_fg: left out, RNNCell has no forget gate" in shown.err
    assert study_names(searching.storage) == sorted(names)
    first = {name: searching.study(name).snapshot().trials for name in names}
    for name, trials in first.items():
        assert [trial.state for trial in trials] == [TrialState.COMPLETE]
        assert metrics(trials[0])["parameters"] <= int(name.rpartition("p")[2])
        assert ("model.init_args.b_fg" in trials[0].params) == ("intersection" in name)
        assert f"{name}: 1 trials, 0.0% infeasible" in shown.out
        assert (searching.root / "runs" / "studies" / name / "best.yaml").is_file()
    main(["search", "--resume", *searching.again("--study=toy/rnn-d2-p150", "--trials=2")])
    main(["search", "--resume", *searching.again("--trials=2")])
    for name in names:
        trials = searching.study(name).snapshot().trials
        assert trials[:1] == first[name]
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2


def test_storage_and_name_have_defaults(
    searching: ToySearch, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    more = ["--trials=1", "--trainer.accelerator=cpu"]
    main(["search", *toy(), f"--sweep={searching.sweep()}", "--model.cell=gru", *more])
    assert study_names("sqlite:///runs/studies.db") == ["random_mapping-gru-d1-p150"]
    said = capsys.readouterr()
    assert "1 of 1 trials" in said.err
    best = Study.open("sqlite:///runs/studies.db", "random_mapping-gru-d1-p150").snapshot().best(1)[0]
    assert f"lr {best.params[LR]:.4g}" in said.err
    assert "fit --config runs/studies/random_mapping-gru-d1-p150/best.yaml" in said.out


def test_help_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["search", "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    own = ["sweep", "trials", "population", "storage", "study", "resume", "cells", "depths", "sizes", "seed"]
    for name in [*own, "model", "data", "trainer"]:
        assert f"--{name}" in shown
    assert "ckpt_path" not in shown
