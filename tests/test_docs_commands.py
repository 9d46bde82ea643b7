"""The README's and the documentation's command lines and Python examples run, with trainings of two steps."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from string import ascii_lowercase

import pytest
import yaml

from rnn_capacity.cli import main
from rnn_capacity.report import page
from tests.documentation import BLOCKS, DOCS, README, Block, arguments_of
from tests.program import CONFIGS
from tests.report.published_files import run, write

COMMANDS = [words for words in arguments_of("rnn-capacity") if words[0] != "completion"]  # see test_completion.py

SHORT = {"--trainer.max_steps": "2", "--trainer.enable_progress_bar": "false"}
"""Options that make a training short."""

SEARCH = {"--trials": "2", "--population": "2", **SHORT}
"""Options that make a search short."""

SMALLER = {
    "continuous_function": {"--data.samples": "500"},
    "parentheses": {
        "--model.max_parameters": "2500",
        "--data.evaluation_samples": "16",
        "--data.batch_size": "4",
        "--data.steps": "25",
    },
    "arithmetic": {"--model.max_parameters": "2500", "--data.evaluation_samples": "50"},
    "language": {"--data.length": "2000"},
}
"""Options that make a training and an evaluation short, by task."""

REPLACED = {
    "gpu": "cpu",
    "postgresql://me@db.cluster/capacity": "sqlite:///capacity.db",
    "sqlite:///reproduction.db": "sqlite:///capacity.db",
    "/shared/wiki": "shared",
    "rnn,gru,lstm": "rnn",
    "rnn,gru,mine.MinimalGatedUnit": "rnn,mine.MinimalGatedUnit",
    "rnn,ugrnn,gru,lstm,mine.MinimalGatedUnit": "rnn,mine.MinimalGatedUnit",
    "1,2,4": "1",
    "300,1000,3000": "150",
}
"""Values that need a GPU, a server or a second disk, or that take hours."""

SEVERAL_PROCESSES = ("--trainer.devices", "--trainer.strategy")
"""Options that are left out; tests/test_several_processes.py has them."""


def short(words: list[str]) -> list[str]:
    """Shorten the training of a command line and keep it in one process on the CPU; all other options stay."""
    changed: dict[str, str] = {}
    if words[0] == "search" and "--print_sweep" not in words:
        changed = {"--trials": "2"} if "--resume" in words else dict(SEARCH)
    elif words[0] == "fit" and not {"--help", "--print_config", "--model.help", "--data.help"} & {*words}:
        changed = dict(SHORT)
    for task, options in SMALLER.items():
        if f"configs/{task}.yaml" in words:
            changed |= options
    if "text8" in words:
        changed |= {"--data.cache_dir": ".", "--model.max_parameters": "1500"}
    unwanted = {*changed, *SEVERAL_PROCESSES}
    pairs = zip(["", *words], words, strict=False)
    kept = [REPLACED.get(word, word) for before, word in pairs if word not in unwanted and before not in unwanted]
    kept += [word for pair in changed.items() for word in pair]
    if "--population" in kept and "--study" not in kept:  # a study that has other settings is refused
        kept += ["--study", f"study-{abs(hash(tuple(kept)))}"]
    return kept


def value_of(words: list[str], option: str) -> str:
    """Return the value of an option, or an empty text."""
    return words[words.index(option) + 1] if option in words else ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with everything that the command lines name: configs with few steps, a cell, texts, published runs."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(CONFIGS, folder / "configs")
    for file in (folder / "configs/sweeps").glob("*.yaml"):
        sweep = yaml.safe_load(file.read_text())
        sweep["parameters"]["trainer.max_steps"] = {"value": 2}
        file.write_text(yaml.safe_dump(sweep))
    own_cell = next(block for block in BLOCKS if block.page == DOCS / "own_cell.md" and block.kind == "python")
    (folder / "mine.py").write_text(own_cell.text)
    for name in ("wiki", "large"):
        (folder / f"{name}.txt").write_text(f"{ascii_lowercase} is the history of the world of words " * 80)
    for name in ("topics", "own"):
        (folder / f"{name}.txt").write_text("The 'with' statement: licensed under the License, " * 60)
    for part in ("valid", "test"):
        (folder / f"wiki.{part}.tokens").write_text(" = Robert <unk> = \n In 2000 .\n")
    (folder / "text8").write_text("anarchism originated as a term of abuse " * 110)
    (folder / "rnn_hp_dataset").mkdir()
    capacity = {"task_type": "per_cap", "architecture": "rnn", "n_layers": 1, "num_params": 700, "max_params": 700}
    write(
        folder / "rnn_hp_dataset/fig1.p", [run(**capacity, train_loss=-2000.0, valid_loss=-2000.0, eval_loss=-2000.0)]
    )
    yield folder
    sys.modules.pop("mine", None)


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(page, "render", lambda panel: ("<svg/>", b""))  # tests/report draws the figures


def runs_named(words: list[str]) -> list[re.Match[str]]:
    """Find the directories of runs that a command line names."""
    return [match for word in words if (match := re.match(r"runs/(\w+)/(\w+)", word))]


class Documented:
    """Runs command lines of the documentation, each after those that make the runs and studies that it reads."""

    def __init__(self) -> None:
        self.done: set[tuple[str, ...]] = set()

    def __call__(self, words: list[str]) -> None:
        """Run a command line, unless one that is the same when shortened has been run."""
        shortened = short(words)
        if tuple(shortened) in self.done:
            return
        self.done.add(tuple(shortened))
        for maker in self.makers(words):
            self(maker)
        code: object = None
        try:
            main(shortened)
        except SystemExit as stop:
            code = stop.code
        assert not code

    def makers(self, words: list[str]) -> Iterator[list[str]]:
        """Find the command lines that make what one reads."""
        for directory in runs_named(words):
            task, name = directory.groups()
            given = ["fit", "--config", f"configs/{task}.yaml", "--run", name]
            yield next((other for other in COMMANDS if value_of(other, "--run") == name), given)
        if words[0] == "report" or "--resume" in words:
            option = "--storage" if "--storage" in words else "--study"
            value = REPLACED.get(value_of(words, option), value_of(words, option))
            searches = [other for other in COMMANDS if other[0] == "search" and "--resume" not in other]
            yield next(other for other in searches if value_of(other, option) == value)


@pytest.fixture(scope="module")
def documented() -> Documented:
    return Documented()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_line_runs(words: list[str], documented: Documented) -> None:
    documented(words)


@pytest.mark.parametrize("words", [words for words in arguments_of("python") if words[0] == "-c"], ids=str)
def test_a_command_that_makes_a_text_prints_text(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    exec(words[1], {})
    printed = capsys.readouterr().out
    assert len(printed) == 75_000 if "topics" in words[1] else printed == " ".join(["robert in two zero zero zero"] * 2)


def short_example(code: str) -> str:
    """Shorten a Python example to two members of two steps."""
    return re.sub(r"range\(\d+\)", "range(2)", re.sub(r"max_steps=\d+", "max_steps=2", code))


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "python"], ids=lambda block: block.page.stem
)
def test_a_python_example_runs_and_has_the_values_in_its_comments(block: Block) -> None:
    code = short_example(block.text)
    names: dict[str, object] = {}
    exec(code, names)
    for value, comment in re.findall(r"^(\S.*?)  # ([\d(].*)$", code, re.MULTILINE):
        with suppress(SyntaxError):  # a sentence
            assert eval(value, names) == ast.literal_eval(comment)


def outputs(page: Path) -> list[str]:
    return [block.text for block in BLOCKS if block.page == page and block.kind == "text"]


def test_the_readme_shows_what_its_main_job_and_its_example_print(capsys: pytest.CaptureFixture[str]) -> None:
    table, lines = outputs(README)
    main(short(["fit", "--config", "configs/random_mapping.yaml"]))
    labels = re.compile(r"^│ (.*?) │", re.MULTILINE)
    printed = capsys.readouterr().out
    assert labels.findall(table) == labels.findall(printed)
    assert {"rnn", "16", "689", "2,756"} <= {*table.split()} & {*printed.split()}
    (example,) = [block.text for block in BLOCKS if block.page == README and block.kind == "python"]
    exec(short_example(example), {})
    numbers = re.compile(r"\d\.\d")
    assert numbers.sub("", lines) == numbers.sub("", capsys.readouterr().out)
