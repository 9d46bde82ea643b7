"""A folder where W&B's own programs and `rnn-capacity` run against the stand-in server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.program import CONFIGS
from tests.wandb_backend import ENTITY, PROJECT, SWEEP, Backend, Run

ROOT = CONFIGS.parent
PATIENCE = 400
"""Seconds after which a wait of a test fails: more than twice what the longest takes on a slow, busy machine."""


class Machine:
    """A folder where agents and runs of a backend's sweeps work, outside of a checkout; a context manager.

    Args:
        folder: The folder.
        backend: The server.
    """

    def __init__(self, folder: Path, backend: Backend) -> None:
        self.folder = folder
        self.backend = backend
        self.processes: list[subprocess.Popen[bytes]] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        own = {"PATH": beside, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        slow = {"RNN_CAPACITY_KERNEL": "off"}  # a training has to be caught in the middle
        self.environment = {**inherited, **slow, **backend.environment(folder), **own}

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            if process.poll() is None:
                for child in children(process.pid):
                    os.kill(child, signal.SIGKILL)
                process.kill()
                process.wait()

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        with (self.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=output, stderr=output)
        self.processes.append(process)
        return process

    def finish(self, *command: str | Path) -> int:
        return self.start(*command).wait(PATIENCE)

    def agent(self, sweep: Path, count: int) -> subprocess.Popen[bytes]:
        """Register a sweep file and start an agent for a number of runs."""
        assert self.finish("wandb", "sweep", sweep) == 0
        return self.start("wandb", "agent", "--count", str(count), f"{ENTITY}/{PROJECT}/{SWEEP}")

    def directory(self, run: str) -> Path:
        """The run directory of a trial."""
        return self.folder / "runs" / "random_mapping" / run

    def steps_saved(self, run: str) -> int:
        """The number of optimizer steps in a trial's last checkpoint; 0 without a checkpoint."""
        path = self.directory(run) / "checkpoints" / "last.ckpt"
        return torch.load(path, weights_only=True)["global_step"] if path.exists() else 0


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    return [
        int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()
    ]


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until a condition returns a true value, and return that value."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"still not so after {PATIENCE} seconds"
        time.sleep(0.05)
    return found


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch this process's W&B runs to offline mode, without any other W&B settings."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_RESUME", "allow")  # so that what the program sets is undone, too


def sync(folder: Path) -> dict[str, Run]:
    """Send all offline runs of a folder to a server with `wandb sync`, and return what it received."""
    with Backend() as backend, Machine(folder, backend) as machine:
        runs = sorted((folder / "wandb").glob("offline-run-*"))
        assert machine.start("wandb", "sync", *runs).wait(PATIENCE) == 0
    assert backend.unknown == []
    return backend.runs


def defined(run: Run) -> dict[str, str]:
    """The x-axis of each metric for which a run defines one."""
    metrics = run.config["_wandb"]["value"]["m"]
    return {metric.get("1") or metric["2"]: metrics[int(metric["5"]) - 1]["1"] for metric in metrics if "5" in metric}
