"""A search of toy networks, as its command line."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from rnn_capacity.cli import main
from rnn_capacity.search.run import worker_processes
from rnn_capacity.studies import Study, study_names

LR = "model.init_args.optimizer.init_args.lr"
SAMPLES = "data.init_args.samples_per_parameter"

PARAMETERS: dict[str, Any] = {
    LR: {"distribution": "log_uniform_values", "min": 1e-3, "max": 5e-2},
    "model.init_args.initialization.recurrent_scale": {"min": 0.5, "max": 1.5},
    SAMPLES: {"min": 1.0, "max": 3.0},
}

DIVERGING: dict[str, Any] = {
    "model.init_args.optimizer": {"value": "torch.optim.SGD"},
    LR: {"value": 1e9},
    "model.init_args.cell": {"value": "irnn"},
    "model.init_args.clip_norm": {"value": None},
    "data.init_args.seed": {"min": 0, "max": 1000},
}
"""A sweep's parameters with which every trial diverges."""

PATIENCE = 60
"""Seconds after which a test gives up."""


class Started:
    """A search in a process of its own: a fork of this one, which has imported everything.

    Args:
        options: Its command line, without the command.
        output: Where it writes to.
        workers: How its workers' processes begin.
    """

    def __init__(self, options: list[str], output: Path, workers: str) -> None:
        self.output = output
        self.process = multiprocessing.get_context("fork").Process(target=self._run, args=(options, workers))
        self.process.start()
        self.pid = self.process.pid or 0

    def _run(self, options: list[str], workers: str) -> None:
        file = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        worker_processes.START_METHOD = workers
        main(["search", *options])

    def code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join(PATIENCE)
        return self.process.exitcode

    def said(self) -> str:
        return self.output.read_text()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a search that goes on is to bring about."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert self.code() is None, self.said()
            assert time.monotonic() < until
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def workers(self) -> list[int]:
        """The processes of its workers."""
        return children(self.pid)


def children(parent: int) -> list[int]:
    """The processes that a process has started and that go on, those aside that serve its others."""
    found = []
    for child in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if command and b"resource_tracker" not in command and b"wandb" not in command:
            found.append(child)
    return found


class ToySearch:
    """Command lines of searches that share a storage.

    Args:
        toy: The options of a toy network.
        root: Where everything is written.
    """

    def __init__(self, toy: Callable[..., list[str]], root: Path) -> None:
        self.toy = toy
        self.root = root
        self.file = root / "capacity.db"
        self.storage = f"sqlite:///{self.file}"

    def sweep(self, **changed: Any) -> Path:
        """A sweep file."""
        content = {
            "method": "random",
            "metric": {"name": "final/bits_per_parameter", "goal": "maximize"},
            "parameters": PARAMETERS,
            **changed,
        }
        path = self.root / "sweep.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
        return path

    def options(self, *more: str, **changed: Any) -> list[str]:
        """The command line of a search, without the command."""
        return [*self.toy(), f"--sweep={self.sweep(**changed)}", *self.again(*more)]

    def again(self, *more: str) -> list[str]:
        """The command line of a search that says nothing of what is measured."""
        return [
            f"--storage={self.storage}",
            "--study=toy",
            "--trials=6",
            "--population=4",
            "--trainer.enable_progress_bar=false",
            "--trainer.accelerator=cpu",
            f"--trainer.default_root_dir={self.root / 'runs'}",
            *more,
        ]

    def study(self, name: str = "toy") -> Study:
        """A stored study."""
        return Study.open(self.storage, name)

    def running_after(self, finished: int, running: int = 1) -> Callable[[], bool]:
        """Whether so many networks train, after so many trials at least."""

        opened: list[Study] = []

        def condition() -> bool:
            try:
                if not opened and "toy" in study_names(self.storage):
                    opened.append(self.study())
            except ValueError:  # the file or its tables are being made
                return False
            found = [study.snapshot() for study in opened]
            return any(len(one.finished) >= finished and len(one.running) >= running for one in found)

        return condition
