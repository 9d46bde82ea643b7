"""Command lines that a search refuses, in one line and before anything is made."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import spawn
from typing import Any

import optuna
import pytest
import torch

from rnn_capacity.cli import main
from rnn_capacity.search import command
from rnn_capacity.search.arguments import Arguments
from rnn_capacity.search.command import create_studies, worker_jobs
from rnn_capacity.studies import study_names
from tests.search.toy_search import LR, ToySearch
from tests.studies.grid import counts

Toy = Callable[..., list[str]]


def error_line(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """Run a bad command line; return the one line that it prints."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == code
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("rnn-capacity: error: ")
    return line


def test_a_study_with_another_definition_is_rejected(searching: ToySearch, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", *searching.options("--trials=1")])
    for option, words in (
        ("--model.depth=2", ["'toy'", "config.model.init_args.depth", "give another name"]),
        ("--trainer.max_steps=70", ["'toy'", "config.trainer.max_steps", "give another name"]),
        ("--seed=3", ["'toy'", "seed"]),
        ("--resume", ["model must not be given with --resume"]),
    ):
        line = error_line(["search", *searching.options("--trials=2", option)], capsys)
        for word in words:
            assert word in line
    line = error_line(["search", "--resume", *searching.again("--study=toy", "--seed=3")], capsys)
    assert "seed must not be given with --resume" in line
    assert counts(searching.study()) == (1, 0, 0, 0)
    assert searching.study().total() == 1


@pytest.mark.parametrize(
    ("options", "changed", "words"),
    [
        (["--model.foo=3"], {}, ["model.foo must be a known option", "max_parameters"]),
        (["--foo=3"], {}, ["foo must be a known option; known are config", "sweep", "population"]),
        (["--trials=0"], {}, ["trials must be a positive integer, got '0'"]),
        (["--population=many"], {}, ["population must be a positive integer, got 'many'"]),
        (["--sweep=nowhere.yaml"], {}, ["sweep must be an existing file or one of arithmetic, ", "got 'nowhere.yaml'"]),
        (["--storage=mysql://host/base"], {}, ["storage must be sqlite:///FILE", "got 'mysql://host/base'"]),
        (["--storage=sqlite:///nowhere/studies.db"], {}, ["storage must be in a folder that exists"]),
        (["--study=../toy"], {}, ["study must be a name that folders can have, got '../toy'"]),
        (["--trainer.devices=0"], {}, ["trainer.devices must be one that can be used here"]),
        (["--trainer.accelerator=gpu"], {}, ["trainer.accelerator must be", "gpu"]),
        (
            ["--trainer.logger=WandbLogger", "--trainer.logger.log_model=true", "--trainer.logger.offline=true"],
            {},
            ["trainer.logger: ", "log_model"],
        ),
        (["--trainer.logger=Foo"], {}, ["trainer.logger", "Foo"]),
        (["--trainer.limit_val_batches=3"], {}, ["trainer.limit_val_batches must be", "max_steps, precision; got 3"]),
        (["--study=$NOT_SET"], {}, ["study must have variables that the environment sets, got '$NOT_SET'"]),
        (["--trainer.gradient_clip_val=1"], {}, ["trainer.gradient_clip_val must be None", "got 1"]),
        (["--trainer.precision=16-mixed"], {}, ["trainer.precision must be 32-true or 64-true", "got '16-mixed'"]),
        (["--trainer.max_steps=-1"], {}, ["max_steps must be at least 1, got -1"]),
        (["--ckpt_path=some.ckpt"], {}, ["ckpt_path must be an existing file, got 'some.ckpt'"]),
        (["--cells=rnn,foo"], {}, ["cell must be one of rnn, irnn", "got 'foo'"]),
        (["--depths=1,01"], {}, ["depths must be different items with commas between them, got '1,01'"]),
        (["--depths=one"], {}, ["depths must be positive integers", "1,2,4", "got 'one'"]),
        (["--sizes=300,,1000"], {}, ["sizes must be different items", "got '300,,1000'"]),
        (["--sizes=3"], {}, ["max_parameters must be at least", "got 3"]),
        ([f"--study={'x' * 300}"], {}, ["study must be a name that folders can have, got 'xxx"]),
        ([f"--study={'/'.join('x' * 300)}"], {}, ["study must be a name that folders can have, got 'x/x"]),
        (["--study=a\0b"], {}, ["study must be a name that folders can have, got 'a\\x00b'"]),
        (["--storage=a: b"], {}, ["storage must be sqlite:///FILE", "got 'a: b'"]),
        (["--storage=["], {}, ["storage must be sqlite:///FILE", "got '['"]),
        (["--sweep=-x"], {}, ["sweep must be an existing file or one of arithmetic, ", "got '-x'"]),
        (["--seed", str(2**63)], {}, [f"seed must be at most {2**63 - 1}, got {2**63}"]),
        (["--trainer.max_steps", str(2**63)], {}, [f"trainer.max_steps must be at most {2**63 - 1}, got {2**63}"]),
        (["--trainer.default_root_dir=s3://bucket"], {}, ["trainer.default_root_dir must be a folder of this machine"]),
        (["--model.depth=null"], {}, ["model.depth must be of type int, got null"]),
        (["--model.optimizer.weight_decay=.inf"], {}, ["optimizer.weight_decay must be a finite number, got inf"]),
        (
            [],
            {"metric": {"name": "final/loss", "target": math.nan}},
            ["metric.target must be a finite number, got nan"],
        ),
        (
            [],
            {"parameters": {LR: {"distribution": "normal", "mu": math.nan}}},
            [f"parameters.{LR}.mu must be a finite number, got nan"],
        ),
        (
            [],
            {"parameters": {LR: {"distribution": "log_normal", "mu": 800.0}}},
            [f"{LR} must be a finite number, got inf"],
        ),
        (
            [],
            {"parameters": {"model.hidden_size": {"value": 10**12}, "model.max_parameters": {"value": None}}},
            ["hidden_size must fit in this machine's memory of"],
        ),
        (
            [],
            {"parameters": {"model.clip_norm": {"value": 1.0}, "model.init_args.clip_norm": {"value": None}}},
            ["parameters.model.init_args.clip_norm must be given once"],
        ),
        (["--model.cell=intersection"], {}, ["depth must be at least 2"]),
        ([], {"method": "hill"}, ["method must be one of 'random'", "got 'hill'"]),
        (
            [],
            {"metric": {"name": "final/bleu"}},
            ["metric.name must be one of", "; got 'final/bleu'"],
        ),
        ([], {"parameters": {"model.init_args.lr": {"min": 0.1, "max": 1.0}}}, ["model.lr must be a known option"]),
        (
            [],
            {"parameters": {"trainer.devices": {"values": [1, 2]}}},
            ["parameters must be", "got trainer.devices"],
        ),
        (
            [],
            {"parameters": {"model.init_args.cell": {"values": ["rnn", "foo"]}}},
            ["cell must be one of", "got 'foo'"],
        ),
        ([], {"parameters": {LR: {"min": -2.0, "max": -1.0}}}, ["learning rate"]),
    ],
    ids=str,
)
def test_bad_options_give_one_line_and_write_nothing(
    options: list[str],
    changed: dict[str, Any],
    words: list[str],
    searching: ToySearch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = error_line(["search", *searching.options(*options, **changed)], capsys)
    for word in words:
        assert word in line
    assert [path.name for path in searching.root.iterdir()] == ["sweep.yaml"]


def test_missing_options_are_named(searching: ToySearch, toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    assert "sweep must be given" in error_line(["search", *toy(), *searching.again()], capsys)
    assert "data must be given" in error_line(["search", f"--sweep={searching.sweep()}", *searching.again()], capsys)
    assert "storage must be a file that exists" in error_line(["search", "--resume", *searching.again()], capsys)
    main(["search", *searching.options("--trials=1")])
    nameless = [option for option in searching.again() if not option.startswith("--study")]
    assert "study must be given with --resume" in error_line(["search", "--resume", *nameless], capsys)
    assert "got 'other'" in error_line(["search", "--resume", *searching.again("--study=other")], capsys)
    assert study_names(searching.storage) == ["toy"]


def test_a_study_of_another_program_is_rejected_and_not_changed(
    searching: ToySearch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = optuna.create_study(storage=searching.storage, study_name="theirs")
    theirs.set_user_attr("definition", "{}")
    line = error_line(["search", "--resume", *searching.again("--study=theirs")], capsys)
    assert "study must be one that rnn-capacity search began, got one without config" in line
    again = optuna.load_study(storage=searching.storage, study_name="theirs")
    assert again.user_attrs == {"definition": "{}"}


def test_a_folder_that_cannot_be_created_is_named(
    searching: ToySearch, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = searching.sweep()
    root = f"--trainer.default_root_dir={sweep}/runs"
    line = error_line(["search", *toy(), f"--sweep={sweep}", "--trainer.accelerator=cpu", root], capsys)
    assert f"trainer.default_root_dir must be a writable folder, got '{sweep}/runs'" in line


def test_two_cells_of_the_same_name_are_rejected(searching: ToySearch, capsys: pytest.CaptureFixture[str]) -> None:
    twice = "--cells=rnn_capacity.cells.RNNCell,rnn_capacity.cells.rnn.RNNCell"
    line = error_line(["search", *searching.options("--sizes=150", twice)], capsys)
    assert "cells must be of different names, got 'rnn_capacity.cells.RNNCell" in line
    assert "with two studies toy/RNNCell-d1-p150" in line
    assert not searching.file.exists()


def test_a_grid_is_not_created_if_one_of_its_studies_differs(
    searching: ToySearch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", *searching.options("--trials=1", "--study=toy/rnn-d1-p300", "--model.seed=1")])
    line = error_line(["search", *searching.options("--trials=1", "--sizes=150,300")], capsys)
    assert "'toy/rnn-d1-p300'" in line
    assert study_names(searching.storage) == ["toy/rnn-d1-p300"]


@pytest.mark.parametrize("given", ["60", "a,b", "60,30", ""])
def test_heartbeat_times_out_of_range_are_rejected(
    given: str, searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RNN_CAPACITY_HEARTBEAT", given)
    line = error_line(["search", *searching.options("--trials=1")], capsys)
    assert (
        f"RNN_CAPACITY_HEARTBEAT must be seconds between heartbeats and a longer grace, such as 60,180; got {given!r}"
        in line
    )


@pytest.mark.parametrize(
    "options", [["--sweep=nowhere.yaml"], ["--sweep", "nowhere.yaml"], ["--trials=many"], ["--population=0"]]
)
def test_bad_search_options_are_rejected_without_importing_torch(options: list[str]) -> None:
    code = (
        "import sys; from rnn_capacity.cli import main\n"
        "try: main(['search', *sys.argv[1:]])\n"
        "except SystemExit as stop: print(stop.code, 'torch' in sys.modules, 'optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=True)
    assert done.stdout == "2 False False\n"


def test_a_sweep_must_be_given_to_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["search", "--print_sweep"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "rnn-capacity: error: sweep must be given with --print_sweep\n"


def test_a_password_is_nowhere_but_in_the_connection(
    searching: ToySearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/base"
    options = [*searching.options(), f"--storage={url}", "--trainer.devices=2"]
    monkeypatch.setattr(sys, "argv", ["rnn-capacity", "search", *options])
    seen: dict[str, Any] = {}

    def make_loggers(config: Any) -> list[Any]:
        seen["words"] = [*sys.argv, *spawn.get_preparation_data("worker")["sys_argv"]]  # as W&B and workers get them
        return []

    def unreachable(arguments: Arguments) -> Any:
        jobs = worker_jobs(arguments, [], [torch.device("cpu")] * 2)
        seen["jobs"] = jobs
        return create_studies(arguments)

    monkeypatch.setattr(command, "make_loggers", make_loggers)
    monkeypatch.setattr(command, "create_studies", unreachable)
    line = error_line(["search", *options], capsys)
    assert "storage must be a database that can be reached, got postgresql://me:***@127.0.0.1:1/base" in line
    shown = [
        line,
        *seen["words"],
        *map(repr, seen["jobs"]),
        *map(str, spawn.get_command_line(pipe_handle=3, tracker_fd=4)),
    ]
    assert not any("hunter2" in text for text in shown)
    assert "--storage=postgresql://me:***@127.0.0.1:1/base" in seen["words"]
    assert [job.storage for job in seen["jobs"]] == [url, url]  # pickled into the pipe of the worker


@pytest.mark.parametrize("given", ["{a: 'postgresql://me:hunter2@h/b'}", "['postgresql://me:hun/ter2@h/b']"])
def test_a_malformed_storage_shows_no_password(
    given: str, searching: ToySearch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_line(["search", *searching.options(), "--config={storage: " + given + "}"], capsys)
    assert "storage must be" in line
    assert "ter2" not in line
