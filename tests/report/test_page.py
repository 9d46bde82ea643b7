"""The command writes a page that needs nothing else, and tables of numbers."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rnn_capacity.cli import main
from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.figures import render
from rnn_capacity.report.panel import Panel, Point
from rnn_capacity.report.panels.capacity import capacity_panels
from rnn_capacity.report.panels.trainability import significance
from rnn_capacity.report.published import read_yaml
from rnn_capacity.studies import Study, metrics
from tests.program import CONFIGS
from tests.report.published_files import run, write
from tests.report.stored_studies import LR, capacity_result, specification, store
from tests.report.synthetic import Experiment
from tests.studies.conftest import prepared_file as prepared_file


class Page(HTMLParser):
    """The parts of a page that a browser would load, and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset") or (name.endswith("href") and tag in ("link", "image")):
                self.loaded.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")


PLACE = ["--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]


def store_studies(url: str) -> None:
    """Store studies of the paper's: made-up ones, and a search that was run."""
    for size, bits in ((300, 4.0), (700, 4.2)):
        results = [capacity_result(bits - 0.1 * index, size) for index in range(4)]
        store(url, f"capacity/rnn-d1-p{size}", specification(max_parameters=size), results)
    draws = [{"cross_entropy": 1.0 + index, "feasible": index < 3, "parameters": 900} for index in range(5)]
    content = specification("rnn_capacity.tasks.Parentheses", "cross_entropy", "minimize", "random", cell="gru")
    store(url, "draws", content, draws)


def run_search(url: str, folder: Path) -> None:
    """Run a search of two small networks."""
    sweep: dict[str, Any] = {"method": "random", "parameters": {LR: {"min": 0.001, "max": 0.01}}}
    (folder / "sweep.yaml").write_text(json.dumps(sweep))
    config = ["--config", str(CONFIGS / "random_mapping.yaml"), "--trainer.max_steps=40", "--model.max_parameters=150"]
    grid = ["--sweep", str(folder / "sweep.yaml"), "--trials", "2", "--study", "grid", "--cells", "rnn"]
    place = [*PLACE, "--trainer.default_root_dir", str(folder / "runs")]
    main(["search", *config, *grid, "--storage", url, *place])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, prepared_file: Path) -> Path:
    """A report of a few studies and of the authors' runs."""
    root = tmp_path_factory.mktemp("report")
    shutil.copy(prepared_file, root / "studies.db")
    url = f"sqlite:///{root}/studies.db"
    store_studies(url)
    run_search(url, root)
    (root / "authors").mkdir()
    write(root / "authors" / "fig3.p", [run(), run(architecture="gru", eval_loss=1.58)])
    main(["report", "--storage", url, "--published", str(root / "authors"), "--out", str(root / "out" / "page")])
    return root / "out" / "page"


def test_the_page_has_every_panel_and_loads_nothing(folder: Path) -> None:
    text = (folder / "index.html").read_text()
    page = Page(text)
    panels = read_yaml("panels")
    for key, facts in panels.items():
        assert facts["title"].replace("'", "&#39;") in text
        assert f'id="{key}"' in text
        assert (folder / "tables" / f"{key}.csv").is_file()
    figures = {path.name for path in (folder / "figures").iterdir()}
    drawn = {name.removesuffix(".svg") for name in figures if name.endswith(".svg")}
    assert {"fig1_stored_bits", "fig3_text", "fig5_random_draws", "table1_infeasible", "studies_best"} <= drawn
    assert figures == {f"{key}.{kind}" for key in drawn for kind in ("svg", "png")}
    assert page.tags.count("svg") == len(drawn)
    assert text.count("No study yet.") == len(panels) - len(drawn)
    assert (folder / "figures" / "fig3_text.png").read_bytes().startswith(b"\x89PNG")
    assert "script" not in page.tags
    assert page.loaded == [] or all(source.startswith("#") or source.startswith("data:") for source in page.loaded)
    assert not re.search(r"url\(\s*['\"]?http|@import", text)
    for link in page.links:
        assert link.startswith("#") or (folder / link).is_file(), link


def test_missing_studies_are_named(folder: Path) -> None:
    text = (folder / "index.html").read_text()
    assert "Missing: paper&#39;s protocol, depth 1: UGRNN, GRU, LSTM, IRNN;" in text
    assert "parentheses, depth 8: RNN, UGRNN, GRU, LSTM, +RNN, IRNN" in text


def test_the_tables_have_numbers_intervals_trials_published_values_and_commands(folder: Path) -> None:
    with (folder / "tables" / "fig1_bits_per_parameter.csv").open() as file:
        small, large, _ = csv.DictReader(file)
    assert (small["cell"], small["source"], small["trials"]) == ("RNN", "ours", "4")
    assert (float(small["parameters"]), float(small["bits per parameter"]), float(small["high"])) == (300, 4.0, 4.0)
    assert 3.7 <= float(small["low"]) < 4.0
    assert float(large["bits per parameter"]) == 4.2
    assert shlex.split(small["command"])[:4] == [
        "rnn-capacity",
        "search",
        "--config",
        "studies/capacity/rnn-d1-p300.yaml",
    ]
    with (folder / "tables" / "table1_infeasible.csv").open() as file:
        (draws,) = csv.DictReader(file)
    assert (float(draws["infeasible share"]), float(draws["published"])) == (0.4, 0.155)
    with (folder / "tables" / "fig3_text.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "text8, depth 4, against parameters"]
    assert {(row["cell"], row["source"], float(row["bits per character"])) for row in rows} == {
        ("LSTM", "authors", 1.54927),
        ("GRU", "authors", 1.58),
        ("LSTM", "paper", 1.549),
    }


def test_the_authors_have_a_matrix_of_their_own() -> None:
    draws = [row for cell in ("gru", "rnn") for row in Experiment().random_draws(cell, 1)]
    authors = [dataclasses.replace(row, source="authors") for row in draws]
    points = significance([*draws, *authors]).points
    assert {(point.facet, point.source) for point in points} == {
        ("parentheses, depth 1", "ours"),
        ("parentheses, depth 1, authors", "authors"),
    }
    assert {(point.series, point.x, point.published) for point in points} == {
        ("RNN", "GRU", 26.5),
        ("GRU", "RNN", -26.5),
    }


def test_the_figures_of_a_single_network_are_drawn_without_a_warning() -> None:
    panels = {panel.key: panel for panel in capacity_panels(Experiment().capacity("rnn", 689, loss_exponent=0.5)[:2])}
    for key in ("fig1_stored_bits", "fig1_bits_per_parameter"):
        svg, png = render(panels[key])
        assert "<svg" in svg
        assert png.startswith(b"\x89PNG")


def test_the_claims_are_a_list_of_objects(folder: Path) -> None:
    claims = json.loads((folder / "claims.json").read_text())
    assert len({claim["claim"] for claim in claims}) == 16
    for claim in claims:
        assert {"claim", "published", "measured", "low", "high", "verdict", "command"} <= claim.keys()
        assert claim["verdict"] in ("holds", "differs", "not enough data")
        assert all(claim[name] is None or isinstance(claim[name], float) for name in ("measured", "low", "high"))
    first = claims[1]
    assert (first["claim"], first["protocol"]) == ("C1", "best training")
    level = next(claim for claim in claims if (claim["claim"], claim["protocol"]) == ("C2", "paper's protocol"))
    assert level["measured"] == 4.2
    assert level["verdict"] == "not enough data"
    assert level["missing"] == "UGRNN, GRU, LSTM, +RNN, IRNN"


def test_studies_of_the_users_own_get_a_page_without_the_papers_panels(tmp_path: Path, prepared_file: Path) -> None:
    shutil.copy(prepared_file, tmp_path / "studies.db")
    url = f"sqlite:///{tmp_path}/studies.db"
    content = specification("my_package.Copying", "copied", cell="my_package.MyCell")
    store(url, "mine", content, [{"copied": 0.25, "parameters": 100}, {"copied": 0.5, "parameters": 100}])
    main(["report", "--storage", url, "--out", str(tmp_path / "out")])
    text = (tmp_path / "out" / "index.html").read_text()
    assert "Fig. 1" not in text
    assert not (tmp_path / "out" / "claims.json").exists()
    with (tmp_path / "out" / "tables" / "studies_best.csv").open() as file:
        (best,) = csv.DictReader(file)
    assert (best["cell"], best["part"]) == ("MyCell", "Copying, depth 1: copied")
    assert (float(best["best value"]), float(best["parameters"]), best["best hyperparameters"]) == (0.5, 100, "lr 0.02")
    with (tmp_path / "out" / "tables" / "studies_infeasible.csv").open() as file:
        (share,) = csv.DictReader(file)
    assert float(share["infeasible share"]) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "out"], "--storage"),
        (["--storage", "sqlite:///nowhere.db", "--out", "out"], "storage must be a file that exists"),
        (["--storage", "{url}", "--out", "out", "--study", "other"], "study must be one of capacity/rnn-d1-p300"),
        (["--storage", "{url}", "--out", "out", "--published", "."], "published must be a folder with the authors'"),
        (["--storage", "{url}", "--out", "file"], "out must be a folder, got 'file'"),
        (["--storage", "{url}", "--out", "out", "--foo"], "foo"),
    ],
)
def test_wrong_options_get_one_line_and_nothing_is_written(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    url = f"sqlite:///{folder.parent.parent}/studies.db"
    with pytest.raises(SystemExit) as stop:
        main(["report", *(option.format(url=url) for option in options)])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("rnn-capacity: error: ")
    assert words in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_of_a_point_trains_the_same_trials_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "tables" / "studies_best.csv").open() as file:
        (command,) = {row["command"] for row in csv.DictReader(file) if "--study grid/" in row["command"]}
    monkeypatch.chdir(folder)
    main([*shlex.split(command)[1:], *PLACE])
    urls = (f"sqlite:///{folder.parent.parent}/studies.db", "sqlite:///again.db")
    studies = [Study.open(url, "grid/rnn-d1-p150") for url in urls]
    first, again = ([(trial.params, metrics(trial)) for trial in study.snapshot().finished] for study in studies)
    assert len(first) == 2
    assert first == again


def test_a_single_network_that_stores_nothing_is_drawn_without_warnings() -> None:
    nothing = Point("part", "RNN", 0.0, Estimate(0.0, bounds=(0.0, 0.0)))
    svg, _ = render(Panel("studies_best", "stored bits", "samples", [nothing], log="xy"))
    assert "<svg" in svg
