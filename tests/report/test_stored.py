"""Studies are classified by their specifications."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rnn_capacity.report.measures import Repetition, is_relu_only, is_seed_only, repeated_runs
from rnn_capacity.report.results import PROTOCOLS, TrialResult
from rnn_capacity.report.stored import file_names, read_studies, rerun_files
from rnn_capacity.studies import Study
from tests.report.stored_studies import LR, SEED, capacity_result, specification, store
from tests.studies.conftest import prepared_file as prepared_file


@pytest.fixture
def url(tmp_path: Path, prepared_file: Path) -> str:
    shutil.copy(prepared_file, tmp_path / "studies.db")
    return f"sqlite:///{tmp_path}/studies.db"


def test_a_row_has_the_facts_of_its_study_whatever_the_study_is_called(url: str) -> None:
    content = specification(cell="rnn_capacity.cells.GRUCell", depth=2, nonlinearity="relu")
    store(url, "x/anything", content, [capacity_result(4.0), capacity_result(0.0, feasible=False)])
    (study,), notes = read_studies(url)
    assert notes == []
    first, second = study.rows
    assert (first.task, first.cell, first.depth, first.size) == ("random_mapping", "gru", 2, 300)
    assert (first.parameters, first.units, first.method, first.goal) == (290, 9, "bayes", "maximize")
    assert (first.value, first.bits_per_parameter, first.settings) == (4.0, 4.0, {LR: 0.01})
    assert (first.feasible, second.feasible) == (True, False)
    assert first.protocol == PROTOCOLS[0]
    assert is_relu_only(first)
    assert "--study x/anything --trials 2 --seed 7" in first.command


@pytest.mark.parametrize(
    ("data", "parameters", "protocol"),
    [
        ({}, None, 0),
        ({"loss_exponent": 0.5}, None, 1),
        ({"steps": 3}, None, 1),
        ({"loss_exponent": 0.5}, {"data.init_args.loss_exponent": {"value": 0}, LR: {"min": 0.0, "max": 1.0}}, 0),
        ({}, {"data.init_args": {"parameters": {"steps": {"value": 2}}}, LR: {"min": 0.0, "max": 1.0}}, 1),
    ],
)
def test_the_protocol_is_that_of_the_config_and_of_the_sweeps_constants(
    url: str, data: dict[str, float], parameters: dict[str, object] | None, protocol: int
) -> None:
    store(url, "one", specification(data=data, parameters=parameters), [capacity_result(4.0)])
    (study,), _ = read_studies(url)
    assert study.rows[0].protocol == PROTOCOLS[protocol]


def test_a_searched_value_counts_for_its_own_trial(url: str) -> None:
    points = [{"data.init_args.steps": 5}, {"data.init_args.steps": 3}]
    store(url, "one", specification(), [capacity_result(4.0), capacity_result(4.1)], points)
    (study,), _ = read_studies(url)
    assert [row.protocol for row in study.rows] == list(PROTOCOLS)


def test_short_names_of_a_sweep_are_those_of_the_config(url: str) -> None:
    rate = {LR: {"min": 0, "max": 1}}
    parameters = {"model.cell": {"value": "gru"}, "data": {"parameters": {"steps": {"value": 3}}}, **rate}
    store(url, "one", specification(parameters=parameters), [capacity_result(4.0)])
    (study,), _ = read_studies(url)
    assert (study.rows[0].cell, study.rows[0].unrolled_steps) == ("gru", 3)
    fixed = specification(parameters=parameters, fixed=("model.init_args.cell", "data.init_args.steps"))
    assert rerun_files(fixed)[1]["parameters"] == rate


def test_the_settings_of_a_trial_are_its_values_and_not_the_draws_behind_them(url: str) -> None:
    points = [{"trainer.max_steps": 0.37}, {"trainer.max_steps": 0.4}]
    results = [capacity_result(4.0), capacity_result(4.1)]
    store(url, "one", specification(), results, points, [{"trainer.max_steps": 200}])
    (study,), _ = read_studies(url)
    assert [row.settings for row in study.rows] == [{"trainer.max_steps": 200}, {"trainer.max_steps": 0.4}]


def test_trials_that_differ_in_the_seed_alone_are_repeated_runs(url: str) -> None:
    store(url, "seeds", specification(), [capacity_result(4.0)] * 3, [{SEED: seed} for seed in (1, 2, 3)])
    points = [{SEED: seed, LR: lr} for seed, lr in ((1, 0.1), (2, 0.1), (3, 0.1), (4, 0.2))]
    store(url, "mixed", specification(), [capacity_result(4.0)] * 4, points)
    mixed, seeds = read_studies(url)[0]
    assert [is_seed_only(row) for row in seeds.rows] == [True] * 3
    assert [[row.number for row in group] for group in repeated_runs(mixed.rows + seeds.rows)] == [[0, 1, 2], [0, 1, 2]]


def test_studies_are_chosen_by_name_or_by_the_name_of_their_grid(url: str) -> None:
    for name in ("grid/a", "grid/b", "gridlock"):
        store(url, name, specification(), [capacity_result(4.0)])
    assert [study.name for study in read_studies(url, ["grid"])[0]] == ["grid/a", "grid/b"]
    assert [study.name for study in read_studies(url, ["gridlock", "grid/b"])[0]] == ["gridlock", "grid/b"]
    with pytest.raises(ValueError, match="study must be one of grid/a, grid/b, gridlock; got 'gri'"):
        read_studies(url, ["gri"])


def test_a_study_of_another_program_is_left_out(url: str) -> None:
    Study.open(url, "foreign", specification={"task": "memory"})
    studies, notes = read_studies(url)
    assert studies == []
    assert notes == ["foreign: left out, it was not written by rnn-capacity search (no config)"]


def test_the_files_to_run_a_study_again_stay_in_the_reports_folder() -> None:
    assert file_names("../../etc/x") == ("studies/_/_/etc/x.yaml", "studies/_/_/etc/x.sweep.yaml")
    swept = {"model.init_args.cell": {"values": ["rnn"]}, "model.init_args": {"parameters": {"depth": {"value": 1}}}}
    content = specification(
        parameters={**swept, LR: {"value": 0.1}}, fixed=("model.init_args.cell", "model.init_args.depth")
    )
    assert rerun_files(content)[1]["parameters"] == {LR: {"value": 0.1}}


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_repeated_runs_and_the_trial_that_they_repeat_have_losses_of_one_sign(goal: str) -> None:
    row = TrialResult("one", 0, "random_mapping", "gru", goal=goal, metrics={"stored_bits": 300.0}, parameters=100)
    repetition = Repetition(row, [row, row])
    assert repetition.losses == [repetition.original_loss] * 2 == [-300.0] * 2


def test_a_nonlinearity_that_a_sweep_sets_counts_only_for_cells_that_have_it(url: str) -> None:
    parameters = {"model.init_args.nonlinearity": {"value": "relu"}, LR: {"min": 0.0, "max": 1.0}}
    for cell, found in (("rnn", "relu"), ("intersection", None)):
        store(url, cell, specification(cell=cell, parameters=parameters), [capacity_result(4.0)])
        (study,), _ = read_studies(url, [cell])
        assert study.rows[0].nonlinearity == found
