"""The command-line program, run in the process of the tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import rnn_capacity.tasks
from rnn_capacity.cli import main
from rnn_capacity.commands import CapacityCLI
from rnn_capacity.metrics import Direction
from rnn_capacity.training import Task

CONFIGS = Path(__file__).parent.parent / "configs"

TASKS: dict[str, type[Task]] = {
    kind.name: kind for kind in map(vars(rnn_capacity.tasks).__getitem__, rnn_capacity.tasks.__all__)
}
"""Every task by its name, which is also that of its config."""


def direction(metric: str) -> Direction | None:
    """Return the direction of a logged metric by its full name, such as val/loss."""
    directions: dict[str, Direction] = {"loss": "min"}
    for task in TASKS.values():
        directions |= task.metric_directions
    return directions.get(metric.rpartition("/")[2].removeprefix("val_"))


@contextmanager
def parser_built_once() -> Iterator[None]:
    """Build the parser of a command-line class once for all command lines; most of them take less time than that."""
    set_up = CapacityCLI.setup_parser
    built: dict[type, dict[str, Any]] = {}

    def shared(cli: CapacityCLI, *arguments: Any) -> None:
        if type(cli) not in built:
            before = set(vars(cli))
            set_up(cli, *arguments)
            built[type(cli)] = {name: value for name, value in vars(cli).items() if name not in before}
        vars(cli).update(built[type(cli)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CapacityCLI, "setup_parser", shared)
        yield


def forked(command_line: list[str]) -> CompletedProcess[str]:
    """Run a command line in a fork of this process, which has imported the program: seconds less than a new process."""
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()

    def run() -> None:
        os.dup2(out_end, 1)
        os.dup2(err_end, 2)
        with os.fdopen(1, "w", closefd=False) as sys.stdout, os.fdopen(2, "w", closefd=False) as sys.stderr:
            main(command_line)

    process = get_context("fork").Process(target=run)
    process.start()
    for end in (out_end, err_end):
        os.close(end)
    with os.fdopen(out) as stdout, os.fdopen(err) as stderr:
        printed = stdout.read(), stderr.read()
    process.join()
    return CompletedProcess(command_line, process.exitcode or 0, *printed)


class Runner:
    """Runs commands quietly, each in a directory under one root.

    Args:
        root: Where the runs go.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *arguments: str | Path) -> dict[str, Any]:
        """Run one command and return the summary of its run, with the run's directory under "run"."""
        before = set(self.runs())
        main([str(argument) for argument in arguments] + self.quiet())
        (run,) = set(self.runs()) - before
        summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
        return {**summary, "run": run}

    def quiet(self) -> list[str]:
        return ["--trainer.enable_progress_bar", "false", "--trainer.default_root_dir", str(self.root)]

    def runs(self) -> list[Path]:
        return sorted(self.root.glob("*/*"))
