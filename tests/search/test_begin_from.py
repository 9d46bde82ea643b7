"""A search begins with the authors' best settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rnn_capacity.cli import main
from rnn_capacity.published_runs import read_published
from rnn_capacity.search import parse_sweep
from rnn_capacity.search.begin_from import best_runs, nearest_value, settings
from rnn_capacity.search.space.parameters import Choice, Integer, Interval, Quantile
from rnn_capacity.search.specification import StudySpecification
from tests.report.published_files import HPARAMS, run, write
from tests.search.toy_search import LR, SAMPLES, ToySearch

SCALE = "model.init_args.initialization.recurrent_scale"


def published(folder: Path) -> Path:
    """A folder with four runs of the RNN's capacity."""
    authors = folder / "authors"
    authors.mkdir()
    capacity = {"architecture": "rnn", "task_type": "per_cap", "n_layers": 1, "max_params": 200}
    hparams = {"lr_init": 0.004, "recurrent_matrix_scale_c": 0.7, "optimizer": "Adam"}
    write(
        authors / "fig1.p",
        [
            run(**capacity, valid_loss=-500.0, hparams={**hparams, "lr_init": 0.9}),
            run(**capacity, valid_loss=-800.0, hparams=hparams),
            run(**capacity, valid_loss=float("nan"), hparams=hparams),
            run(**{**capacity, "max_params": 5000}, valid_loss=-9000.0, hparams=hparams),
        ],
    )
    return authors


def test_the_first_trials_have_the_authors_settings_and_later_ones_are_the_tuners(
    searching: ToySearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = searching.options("--trials=3", f"--begin-from={published(tmp_path)}")
    main(["search", *options])
    assert "toy: begins from 2 published settings (rnn, depth 1, 200 parameters)" in capsys.readouterr().err
    best, second, third = searching.study().snapshot().points.values()
    assert (best.params[LR], best.params[SCALE]) == (0.004, 0.7)
    assert (second.params[LR], second.params[SCALE]) == (0.05, 0.7)  # the sweep ends there
    assert third.params[SCALE] != 0.7
    assert all(1 <= trial.params[SAMPLES] <= 3 for trial in (best, second, third))
    assert len(searching.study().snapshot().finished) == 3
    main(["search", *options])  # it has trials by now
    assert len(searching.study().snapshot().finished) == 3
    assert "begins" not in capsys.readouterr().err


def test_a_wrong_folder_is_refused_before_a_study_is_made(
    searching: ToySearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["search", *searching.options(f"--begin_from={tmp_path}")])
    assert stop.value.code == 2
    assert "begin_from must be a folder with the authors' files (*.p), got" in capsys.readouterr().err
    assert not searching.file.exists()


def test_scales_are_by_gate_and_for_all_gates_together(tmp_path: Path) -> None:
    write(tmp_path / "fig3.p", [run()])
    found = settings(read_published(tmp_path)[0])
    assert found["model.init_args.optimizer.init_args.kind"] == "rmsprop"
    assert found["model.init_args.initialization.bias"] == "constant"
    assert found["model.init_args.b_fg"] == HPARAMS["forget_gate_bias_hack"]
    assert found[f"{SCALE}.forget"] == HPARAMS["recurrent_matrix_scale_g"]
    assert found[f"{SCALE}.candidate"] == HPARAMS["recurrent_matrix_scale_c"]
    product = 1.0
    for gate in "gcoi":
        product *= HPARAMS[f"recurrent_matrix_scale_{gate}"]
    assert found[SCALE] == pytest.approx(product**0.25)
    biases = [HPARAMS[f"recurrent_bias_scale_{gate}"] for gate in "gcoi"]
    assert found["model.init_args.initialization.bias_scale"] == pytest.approx(sum(biases) / 4)


def test_the_nearest_depth_comes_before_the_nearest_size(tmp_path: Path) -> None:
    text = {"architecture": "gru", "task_type": "per_cap"}
    write(
        tmp_path / "fig1.p",
        [run(**text, n_layers=1, max_params=300), run(**text, n_layers=2, max_params=9000), run(n_layers=2)],
    )
    config = {
        "model": {"class_path": "RecurrentModule", "init_args": {"cell": "gru", "depth": 2, "max_parameters": 300}},
        "data": {"class_path": "RandomMapping", "init_args": {"samples": 50}},
        "trainer": {"max_steps": 10},
    }
    sweep = parse_sweep({"method": "random", "parameters": {"model.init_args.seed": {"min": 0, "max": 9}}})
    specification, _ = StudySpecification.create(config, sweep)
    (found,) = best_runs(specification, read_published(tmp_path))
    assert (found.cell, found.depth, found.max_parameters) == ("gru", 2, 9000)


def test_numbers_outside_of_a_range_become_its_end_and_unknown_words_are_left_out() -> None:
    assert nearest_value(Interval(0.1, 1.0), 7.0) == 1.0
    assert nearest_value(Interval(0.1, 1.0), 0.25) == 0.25
    assert nearest_value(Integer(10, 20), 12.7) == 13
    assert nearest_value(Integer(10, 20), 1176212) == 20
    assert nearest_value(Choice(("sgd", "adam")), "adam") == "adam"
    assert nearest_value(Choice(("sgd", "adam")), "rmsprop") is None
    assert nearest_value(Choice(("sgd", "adam"), (0.5, 0.5)), "adam") is None
    assert nearest_value(Quantile("normal", 0.0, 1.0), 0.5) is None
    assert nearest_value(Interval(0.1, 1.0), "much") is None


def test_a_grid_cannot_begin_from_published_settings(
    searching: ToySearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = {"method": "grid", "parameters": {SAMPLES: {"values": [1.0, 2.0]}}}
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(sweep))
    with pytest.raises(SystemExit, match="2"):
        main(["search", *searching.options(f"--begin_from={published(tmp_path)}", f"--sweep={tmp_path}/grid.yaml")])
    assert "begin_from must be null for a sweep of method grid" in capsys.readouterr().err
