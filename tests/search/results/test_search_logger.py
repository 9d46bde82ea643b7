"""What the loggers of a search are told."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import FrozenTrial

from rnn_capacity.cli import main
from rnn_capacity.runs import LinePlot
from rnn_capacity.search.arguments import read_command_line
from rnn_capacity.search.results import progress
from rnn_capacity.search.results.records import common_sizes
from rnn_capacity.search.results.search_logger import make_loggers
from rnn_capacity.search.run import worker_processes
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import Study, metrics
from tests.search.recording_loggers import RECORDED, RecordingLogger, RecordingTableLogger
from tests.search.toy_search import DIVERGING, LR, PARAMETERS, SAMPLES, Started, ToySearch

RECORDING = "tests.search.recording_loggers"
CLIP = "model.init_args.clip_norm"
BUDGET = "model.init_args.max_parameters"

MIXED: dict[str, Any] = {
    LR: PARAMETERS[LR],
    CLIP: {"values": [None, 1.0]},
    "model.init_args.nonlinearity": {"values": ["tanh", "relu"]},
    "model.init_args.schedule": {"values": [None, {"class_path": "rnn_capacity.training.TotalDecay"}]},
}


@pytest.fixture
def heard(searching: ToySearch) -> Callable[..., Any]:
    """A function that runs a search with a logger that keeps what it is told; the logger."""

    def run(*options: str, logger: type[RecordingLogger] = RecordingTableLogger, **changed: Any) -> Any:
        RECORDED.clear()
        main(
            [
                "search",
                *searching.options(f"--trainer.logger={RECORDING}.{logger.__name__}", *options, **changed),
            ]
        )
        return RECORDED[-1]

    return run


def rows_of(logger: RecordingLogger) -> list[dict[str, Any]]:
    """The rows of trials, each logged under the trial's number."""
    found = [(step, row) for step, row in logger.rows if "trial/value" in row]
    assert [step for step, _ in found] == [row["trial/number"] for _, row in found]
    return [row for _, row in found]


def best(values: list[float]) -> list[float]:
    return [max(values[: place + 1]) for place in range(len(values))]


def test_every_trial_has_one_row_with_its_values(heard: Callable[..., Any], searching: ToySearch) -> None:
    logger = heard()
    trials = {trial.number: trial for trial in searching.study().snapshot().trials}
    rows = rows_of(logger)
    assert sorted(row["trial/number"] for row in rows) == list(range(6))
    for row, so_far in zip(rows, best([row["trial/value"] for row in rows]), strict=True):
        trial = trials[row["trial/number"]]
        assert row == {
            "trial/number": trial.number,
            "trial/value": trial.value,
            "trial/feasible": True,
            "trial/parameters": metrics(trial)["parameters"],
            "best/value": so_far,
            "swept/lr": trial.params[LR],
            "swept/recurrent_scale": trial.params["model.init_args.initialization.recurrent_scale"],
            "swept/samples_per_parameter": trial.params[SAMPLES],
        }


def test_the_metrics_of_the_best_trial_are_logged_once_at_the_end(
    heard: Callable[..., Any], searching: ToySearch
) -> None:
    logger = heard()
    (found,) = searching.study().snapshot().best(1)
    step, row = logger.rows[-1]
    assert step == 6
    assert [any(name.startswith("final/") for name in row) for _, row in logger.rows] == [False] * 6 + [True]
    logged = {name: value for name, value in metrics(found).items() if isinstance(value, (bool, int, float))}
    given = {name.removeprefix("final/"): value for name, value in row.items() if name.startswith("final/")}
    assert given == {**logged, "trial": found.number, "trials": 6, "infeasible": 0.0}
    assert row["best/lr"] == found.params[LR]
    assert logger.ended == "success"


def test_the_whole_definition_is_the_config(heard: Callable[..., Any], searching: ToySearch) -> None:
    config = heard("--trials=2").config
    definition = searching.study().specification
    for part in ("model", "data", "trainer"):
        assert config[part] == definition["config"][part]
    assert config["sweep"] == definition["sweep"]
    assert config["objective"] == {"metric": "bits_per_parameter", "goal": "maximize"}
    sizes = {"task": "random_mapping", "cell": "rnn", "depth": 1, "units": 4, "parameters": 125}
    assert config.items() >= {**sizes, "study": "toy", "trials": 2, "tuner_seed": 0}.items()
    assert "samples" not in config  # the trials differ in it


@pytest.mark.parametrize(
    ("parameters", "differ"),
    [
        ({LR: PARAMETERS[LR], "data.init_args.seed": {"min": 0, "max": 9}}, set()),
        ({"model.init_args.cell": {"values": ["rnn", "gru"]}}, {"cell", "units", "parameters", "samples"}),
        ({"model.init_args.depth": {"values": [1, 2]}}, {"depth", "units", "parameters", "samples"}),
        ({BUDGET: {"values": [150, 200]}}, {"units", "parameters", "samples"}),
        (
            {BUDGET: {"value": 150}, "data.init_args.input_size": {"values": [23, 24]}},
            {"units", "parameters", "samples"},
        ),
    ],
)
def test_sizes_that_differ_between_trials_are_not_in_the_config(
    parameters: dict[str, Any], differ: set[str], searching: ToySearch
) -> None:
    arguments = read_command_line(searching.options(parameters=parameters))
    assert arguments.sweep is not None
    specification, _ = StudySpecification.create(arguments.config, arguments.sweep)
    found = common_sizes(specification)
    assert {"task", "cell", "depth", "units", "parameters", "samples"} - found.keys() == differ


def test_the_table_has_all_trials_in_columns_of_one_kind(heard: Callable[..., Any], searching: ToySearch) -> None:
    logger = heard("--trials=8", "--population=8", parameters=MIXED)
    columns, rows = logger.tables["media/trials"]
    values = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    trials = searching.study().snapshot().trials
    assert values["trial"] == list(range(8))
    assert values["value"] == values["bits_per_parameter"] == [trial.value for trial in trials]
    assert set(values["swept/clip_norm"]) == {None, 1.0}
    assert set(values["swept/schedule"]) == {None, "{'class_path': 'rnn_capacity.training.TotalDecay'}"}
    assert set(values["swept/nonlinearity"]) == {"tanh", "relu"}
    for row in rows_of(logger):
        assert ("swept/clip_norm" in row) == (values["swept/clip_norm"][row["trial/number"]] is not None)


def test_values_of_several_types_are_logged_as_texts(heard: Callable[..., Any]) -> None:
    scale = "model.init_args.initialization.recurrent"
    logger = heard("--trials=4", parameters={CLIP: {"values": [1, 0.5]}, scale: {"values": [None, "orthogonal"]}})
    columns, rows = logger.tables["media/trials"]
    for place in range(len(columns)):
        kinds = {float if type(row[place]) is int else type(row[place]) for row in rows} - {type(None)}
        assert len(kinds) <= 1, columns[place]


def test_a_plot_shows_the_best_value_so_far(heard: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plots: list[LinePlot] = []

    def render(plot: LinePlot) -> str:
        plots.append(plot)
        return "pixels"

    monkeypatch.setattr(LinePlot, "render", render)
    metric = {"name": "final/loss", "goal": "minimize"}
    logger = heard(metric=metric)
    assert logger.pictures == {"media/best_so_far": ["pixels"]}
    values = [row["trial/value"] for row in sorted(rows_of(logger), key=lambda row: row["trial/number"])]
    least = [min(values[: place + 1]) for place in range(6)]
    assert plots[0].lines == {"toy": [(float(place), value) for place, value in enumerate(least)]}
    assert [row["best/value"] for row in rows_of(logger)][-1] == least[-1]


def test_without_a_feasible_trial_the_final_metrics_are_the_baseline_metrics(heard: Callable[..., Any]) -> None:
    logger = heard("--trials=3", parameters=DIVERGING)
    rows = rows_of(logger)
    assert [(row["trial/value"], row["trial/feasible"]) for row in rows] == [(0.0, False)] * 3
    assert not any("best/value" in row for row in rows)
    final = logger.rows[-1][1]
    assert final.items() >= {"final/bits_per_parameter": 0.0, "final/feasible": False, "final/infeasible": 1.0}.items()
    assert logger.pictures == {}


def test_a_command_logs_its_own_trials_and_the_best_of_all(heard: Callable[..., Any], searching: ToySearch) -> None:
    heard("--trials=4")
    before = searching.study().snapshot().best(1)[0].value or 0.0
    logger = heard("--trials=6")
    rows = rows_of(logger)
    assert sorted(row["trial/number"] for row in rows) == [4, 5]
    assert [row["best/value"] for row in rows] == best([before, *(row["trial/value"] for row in rows)])[1:]
    assert len(logger.tables["media/trials"][1]) == 6
    assert logger.rows[-1][1]["final/bits_per_parameter"] == searching.study().snapshot().best(1)[0].value
    again = heard("--trials=6")
    assert [step for step, _ in again.rows] == [6]


def test_a_grid_is_one_run_whose_rows_name_their_study(heard: Callable[..., Any], searching: ToySearch) -> None:
    parameters = {**MIXED, "model.init_args.b_fg": {"min": 0.0, "max": 3.0}}
    logger = heard("--trials=2", "--cells=rnn,gru", parameters=parameters)
    studies = {name: searching.study(f"toy/{name}") for name in ("rnn-d1-p150", "gru-d1-p150")}
    rows = rows_of(logger)
    assert sorted((row["trial/study"], row["trial/number"]) for row in rows) == sorted(
        (name, number) for name in studies for number in (0, 1)
    )
    for row in rows:
        assert row["trial/parameters"] == metrics(studies[row["trial/study"]].snapshot().trials[0])["parameters"]
        assert ("swept/b_fg" in row) == row["trial/study"].startswith("gru")
    configs = logger.config["studies"]
    assert {name: config["cell"] for name, config in configs.items()} == {
        "toy/rnn-d1-p150": "rnn",
        "toy/gru-d1-p150": "gru",
    }
    final = logger.rows[-1][1]
    found = {name: study.snapshot().best(1)[0].value or 0.0 for name, study in studies.items()}
    assert final["final/bits_per_parameter"] == max(found.values())
    assert found[final["final/study"]] == max(found.values())


def test_a_logger_without_tables_gets_only_numbers(heard: Callable[..., Any]) -> None:
    logger = heard("--trials=3", logger=RecordingLogger, parameters=MIXED)
    assert len(rows_of(logger)) == 3
    assert all("swept/lr" in row and "swept/nonlinearity" not in row for row in rows_of(logger))


def test_make_loggers_the_command_get_the_rows_of_its_workers(searching: ToySearch, tmp_path: Path) -> None:
    logger = ["--trainer.logger=CSVLogger", f"--trainer.logger.save_dir={tmp_path}", "--trainer.logger.name=logged"]
    options = searching.options("--population=2", "--trainer.devices=2", *logger, parameters=MIXED)
    search = Started(options, tmp_path / "said.txt", "fork")
    assert search.wait() == 0, search.said()
    (path,) = tmp_path.glob("logged/*/metrics.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    trials = [row for row in rows if row["trial/value"]]
    assert len({row["trial/number"] for row in trials}) == len(trials) == 6
    assert {row["swept/nonlinearity"] for row in trials} == {"tanh", "relu"}
    found = searching.study().snapshot().best(1)[0].value or 0.0
    assert [float(row["final/bits_per_parameter"]) for row in rows if row["final/bits_per_parameter"]] == [found]
    config = yaml.safe_load(path.with_name("hparams.yaml").read_text())
    assert config["cell"] == "rnn"
    assert worker_processes.START_METHOD == "spawn"


@pytest.mark.parametrize(("name", "code", "pictures"), [("SIGTERM", 143, 1), ("SIGUSR1", 75, 0)])
def test_a_stopped_search_has_no_final_metrics(
    name: str, code: int, pictures: int, heard: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Study.finish

    def stop_then_finish(self: Study, trial: FrozenTrial, *result: Any) -> FrozenTrial | None:
        os.kill(os.getpid(), signal.Signals[name])
        return finish(self, trial, *result)

    monkeypatch.setattr(Study, "finish", stop_then_finish)
    with pytest.raises(SystemExit) as stop:
        heard("--population=2")
    assert stop.value.code == code
    logger = RECORDED[-1]
    assert len(rows_of(logger)) == 2
    assert not any(key.startswith("final/") for _, row in logger.rows for key in row)
    assert len(logger.pictures) == len(logger.tables) == pictures
    assert logger.ended == ("failed" if pictures else "")


@pytest.mark.parametrize("config", [None, True, False])
def test_no_logger_is_the_default(config: bool | None) -> None:
    assert make_loggers(config) == []


def test_several_loggers_can_be_given() -> None:
    paths = [f"tests.search.recording_loggers.{name}" for name in ("RecordingLogger", "RecordingTableLogger")]
    assert [type(one).__name__ for one in make_loggers([{"class_path": path} for path in paths])] == [
        "RecordingLogger",
        "RecordingTableLogger",
    ]


def test_steps_are_printed_at_intervals_to_a_log_file(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = searching.options("--trials=2", "--trainer.enable_progress_bar=true", "--model.steps_per_call=50")
    for every, study, steps in ((0.0, "soon", 1100), (30.0, "late", 110)):
        monkeypatch.setattr(progress, "LINE_SECONDS", every)
        main(["search", *options, f"--study={study}", f"--trainer.max_steps={steps}"])
    soon, late = (
        [line.partition(": ")[2] for line in said if line.startswith(study)]
        for said in [capsys.readouterr().err.splitlines()]
        for study in ("soon: ", "late: ")
    )
    assert "0 of 2 trials, 2 running at step 1,050 of 1,100, 0% infeasible" in soon
    assert not any("at step" in line for line in late)
    for lines in (soon, late):
        assert lines[0] == "0 of 2 trials, 2 running, 0% infeasible"
        assert lines[-1].startswith("2 of 2 trials, 0 running, 0% infeasible, best ")
