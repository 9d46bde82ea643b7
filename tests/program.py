"""The program, run in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rnn_capacity.cli import main

CONFIGS = Path(__file__).parent.parent / "configs"


class Runner:
    """Runs commands quietly, each in a directory under one root.

    Args:
        root: Where the runs go.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *arguments: str | Path) -> dict[str, Any]:
        """Run one command; the summary of the run that it made, and under "run" its directory."""
        before = set(self.runs())
        main([str(argument) for argument in arguments] + self.quiet())
        (run,) = set(self.runs()) - before
        summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
        return {**summary, "run": run}

    def quiet(self) -> list[str]:
        return ["--trainer.enable_progress_bar", "false", "--trainer.default_root_dir", str(self.root)]

    def runs(self) -> list[Path]:
        return sorted(self.root.glob("*/*"))
