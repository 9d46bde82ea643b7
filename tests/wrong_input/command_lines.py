"""All wrong command lines, and the right ones that they come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from rnn_capacity.cli import main
from tests.program import TASKS
from tests.wrong_input.program_runs import Case
from tests.wrong_input.wrong_files import write_files, wrong_files
from tests.wrong_input.wrong_pairs import wrong_pairs
from tests.wrong_input.wrong_ranges import wrong_ranges
from tests.wrong_input.wrong_sweeps import LR
from tests.wrong_input.wrong_types import wrong_types

SMALL: dict[str, dict[str, Any]] = {
    "random_mapping": {"samples_per_parameter": 1.0},
    "continuous_function": {"samples": 100, "input_size": 3, "steps": 2},
    "memory": {"input_size": 3, "steps": 2, "evaluation_samples": 10},
    "parentheses": {"steps": 5, "evaluation_samples": 10},
    "arithmetic": {"operand_limit": 9, "steps": 15, "evaluation_samples": 10},
    "language": {"length": 4000, "characters": 5, "language_order": 1, "prompt": "z"},
}
"""Options with which each task is quick."""


class CommandLines:
    """Right command lines of each command, and the folder in which they run.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "here"
        self.folder.mkdir()
        self.right = folder / "right"
        self.right.mkdir()
        for task, options in SMALL.items():
            content = {
                "model": {
                    "max_parameters": 1000 if task == "parentheses" else 200,
                    "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}},
                },
                "data": {"class_path": TASKS[task].__name__, "init_args": options},
                "trainer": {"max_steps": 2, "accelerator": "cpu", "devices": 1, "enable_progress_bar": False},
            }
            (self.right / f"{task}.yaml").write_text(yaml.safe_dump(content))
        sweep = {"method": "random", "parameters": {LR: {"min": 0.001, "max": 0.01}}}
        (self.right / "sweep.yaml").write_text(yaml.safe_dump(sweep))
        for task in ("random_mapping", "language"):
            root = f"--trainer.default_root_dir={self.right / 'runs'}"
            main(["fit", f"--config={self.right / task}.yaml", root, "--run=right"])
        write_files(self.folder, self.checkpoint("random_mapping"))

    def checkpoint(self, task: str) -> Path:
        return self.right / "runs" / task / "right" / "checkpoints" / "last.ckpt"

    def complete(self, case: Case) -> list[str]:
        """Put the options that are right before those that are wrong."""
        if case.base is None:
            return [case.command, *case.options]
        right = [f"--config={self.right / case.base}.yaml"]
        if case.command in ("validate", "predict"):
            right.append(f"--ckpt_path={self.checkpoint(case.base)}")
        if case.command == "search":
            right += [f"--sweep={self.right / 'sweep.yaml'}", "--trials=1"]
        return [case.command, *right, *case.options]


def wrong_command_lines(every: bool = False) -> Iterator[Case]:
    """Yield wrong command lines: with `every`, each wrong value of each type and range, else a third of them."""
    values = [
        *wrong_ranges(),
        *wrong_types("fit", tuple(TASKS), every),
        *wrong_types("search", ("random_mapping",), every),
        *wrong_types("validate", ("random_mapping",), every),
        *wrong_types("predict", ("language",), every),
    ]
    yield from wrong_pairs()
    yield from wrong_files()
    yield from values if every else values[::6]
