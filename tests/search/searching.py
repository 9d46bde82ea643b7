"""A search of toy networks, as its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from rnn_capacity.studies import Study

LR = "model.init_args.optimizer.init_args.lr"
SAMPLES = "data.init_args.samples_per_parameter"

PARAMETERS: dict[str, Any] = {
    LR: {"distribution": "log_uniform_values", "min": 1e-3, "max": 5e-2},
    "model.init_args.initialization.recurrent_scale": {"min": 0.5, "max": 1.5},
    SAMPLES: {"min": 1.0, "max": 3.0},
}


class Searching:
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

    def start(self, options: list[str], **environment: str) -> subprocess.Popen[str]:
        """A search in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "rnn_capacity", "search", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
