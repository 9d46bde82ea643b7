"""Kills training runs at random moments and checks that they end exactly as uninterrupted runs do.

    python tools/check_resume.py
    python tools/check_resume.py --cases memory diverging --kills 50 --seed 1

For each case one run of `rnn-capacity fit` is left alone. Others are killed by SIGKILL at moments drawn evenly from the
time in which the first wrote its files, and started again with the same `--run` until they end, as many runs as the
number of kills takes. Weights, optimizer and schedule have to be equal bit for bit, and so have
`metrics.csv` and `summary.json` but for the seconds. Exits with 1 if anything differs. Every start is a process of its
own, forked from one that has imported the program, which saves six seconds a start.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from measuring import script_parser
from recording import ROOT, markdown_table
from torch.utils._pytree import tree_flatten_with_path


class Case(NamedTuple):
    """A small training run that is killed and resumed: its config, options and kernel build."""

    config: str
    """Name of the shipped config."""

    options: tuple[str, ...]
    """Command-line options that override the config."""

    kernel: str = ""
    """Value of the environment variable RNN_CAPACITY_KERNEL; empty for the fastest build of the compiled kernel."""


DROPOUT = ("--model.depth=2", "--model.dropout=0.2", "--model.recurrent_dropout=0.1", "--data.batch_size=50")
MAPPING = ("--model.max_parameters=300", "--model.steps_per_call=20")
EARLY_STOPPING = "--trainer.callbacks=[{class_path: EarlyStopping, init_args: {monitor: val/loss, min_delta: 1}}]"
FUNCTION = ("--data.samples=2000", "--data.tau=50", "--trainer.val_check_interval=1")

CASES = {
    "random mapping": Case("random_mapping", (*MAPPING, "--trainer.max_steps=2000")),
    "random mapping, torch": Case("random_mapping", (*MAPPING, "--trainer.max_steps=400"), "off"),
    "random mapping, batches and dropout": Case("random_mapping", (*MAPPING, *DROPOUT, "--trainer.max_steps=300")),
    "diverging": Case(
        "random_mapping", (*MAPPING, "--trainer.max_steps=500", "--model.optimizer=SGD", "--model.optimizer.lr=1e4")
    ),
    "stopped early": Case("random_mapping", (*MAPPING, "--trainer.max_steps=2000", EARLY_STOPPING)),
    "continuous function": Case("continuous_function", (*FUNCTION, "--trainer.max_steps=500")),
    "continuous function, torch": Case("continuous_function", (*FUNCTION, "--trainer.max_steps=250"), "off"),
    "memory": Case("memory", ("--model.max_parameters=2000", "--model.steps_per_call=20", "--trainer.max_steps=500")),
    "parentheses": Case(
        "parentheses", ("--model.max_parameters=2500", "--data.evaluation_samples=64", "--trainer.max_steps=50")
    ),
    "arithmetic": Case(
        "arithmetic", ("--model.max_parameters=2000", "--data.evaluation_samples=200", "--trainer.max_steps=500")
    ),
    "language": Case("language", ("--model.max_parameters=1500", "--data.length=20000", "--trainer.max_steps=300")),
    "language, streams": Case(
        "text", ("--model.max_parameters=1500", "--data.length=20000", "--trainer.max_steps=300")
    ),
}


def fit(case: Case, root: Path, run: str, log: Path) -> None:
    """Run `rnn-capacity fit` in this process, with its output in a file."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if case.kernel:
        os.environ["RNN_CAPACITY_KERNEL"] = case.kernel
    torch.set_num_threads(1)
    from rnn_capacity.cli import main

    given = ["--config", str(ROOT / "configs" / f"{case.config}.yaml"), f"--trainer.default_root_dir={root}"]
    main(["fit", *given, f"--run={run}", "--trainer.enable_progress_bar=false", *case.options])


class Runs:
    """Starts, kills and resumes the training runs of one case, each in a process of its own.

    Args:
        case: The case.
        root: Folder of the runs.
    """

    def __init__(self, case: Case, root: Path) -> None:
        self.case = case
        self.root = root
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["rnn_capacity.commands"])
        self.seconds = 0.0
        """Duration of the last start, from the writing of config.yaml."""

    def folder(self, run: str) -> Path:
        """Return the directory of a run."""
        task = "language" if self.case.config == "text" else self.case.config
        return self.root / task / run

    def start(self, run: str, seconds: float | None = None) -> bool:
        """Start or resume a run.

        Args:
            run: Name of the run.
            seconds: When to kill it, counted from the writing of its config.yaml; None waits for its end.

        Returns:
            Whether it was killed.

        Raises:
            RuntimeError: If it ended with an error.
        """
        log, config = self.root / f"{run}.log", self.folder(run) / "config.yaml"
        before = config.stat() if config.exists() else None
        process = self.processes.Process(target=fit, args=(self.case, self.root, run, log))
        process.start()
        while process.is_alive() and not (config.exists() and config.stat() != before):
            time.sleep(0.01)
        began = time.monotonic()
        process.join(seconds)
        self.seconds = time.monotonic() - began
        process.kill()
        process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"{run} ended with exit code {process.exitcode}: {log.read_text()[-2000:]}")
        return bool(process.exitcode)

    def finished(self, run: str) -> bool:
        """Return whether a run has ended."""
        return (self.folder(run) / "summary.json").exists()


def contents(run: Path) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of all results that must be equal in two runs, from checkpoint, metrics.csv and summary."""
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    for part in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "carried", "diverged_at"):
        for path, value in tree_flatten_with_path(checkpoint[part])[0]:
            yield part + "".join(map(str, path)), value
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    yield "columns of metrics.csv", list(rows[0])
    yield "rows of metrics.csv", len(rows)
    for number, row in enumerate(rows, 1):
        yield f"metrics.csv, row {number}", {**row, "final/seconds": None}
    for key, value in json.loads((run / "summary.json").read_text()).items():
        if key != "seconds":
            yield f"summary.json, {key}", value


def difference(run: Path, other: Path) -> str:
    """Describe the first difference between the results of two runs, or return an empty text if they are equal."""
    ours, theirs = dict(contents(run)), dict(contents(other))
    for name in [*theirs, *ours]:
        if name not in ours or name not in theirs:
            return f"{name} is missing"
        one, two = ours[name], theirs[name]
        same = torch.equal(one, two) if isinstance(one, torch.Tensor) else repr(one) == repr(two)
        if not same:
            return f"{name}: {one!r}, uninterrupted {two!r}"
    return ""


def check(case: Case, kills: int, seed: int, root: Path) -> tuple[dict[str, int | str], list[str]]:
    """Kill runs of a case until there were enough kills, resume each to its end, and compare them.

    Args:
        case: The case.
        kills: Number of kills.
        seed: Seed of the moments.
        root: Folder of the runs.

    Returns:
        The table's entries, and a line for each run that differs.
    """
    runs, moments = Runs(case, root), random.Random(seed)
    runs.start("whole")
    duration = runs.seconds
    made = {"before a checkpoint": 0, "in training": 0, "after it": 0}
    differences, number = [], 0
    while sum(made.values()) < kills:
        number += 1
        run = f"killed-{number}"
        while not runs.finished(run):
            left = kills - sum(made.values())
            if runs.start(run, moments.uniform(0, duration) if left else None):
                made[stage(runs.folder(run), runs.folder("whole"))] += 1
        if found := difference(runs.folder(run), runs.folder("whole")):
            differences.append(f"{run}: {found}")
    return {**made, "runs": number, "seconds": f"{duration:.1f}", "differ": len(differences)}, differences


def stage(run: Path, whole: Path) -> str:
    """Return whether a run was killed before its first checkpoint, in training, or after its last step."""
    path = Path("checkpoints") / "last.ckpt"
    if not (run / path).exists():
        return "before a checkpoint"
    steps = [torch.load(folder / path, weights_only=True)["global_step"] for folder in (run, whole)]
    return "in training" if steps[0] < steps[1] else "after it"


def main() -> None:
    """Check the chosen cases, print a table, and exit with 1 if a resumed run differs from an uninterrupted one."""
    parser = script_parser(__doc__)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES), help="cases to check")
    parser.add_argument("--kills", type=int, default=20, help="kills for each case")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--root", type=Path, help="folder that keeps the runs")
    arguments = parser.parse_args()
    rows, differences = [], []
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.cases:
            root = (arguments.root or Path(temporary)) / name.replace(", ", "-").replace(" ", "_")
            root.mkdir(parents=True)
            row, found = check(CASES[name], arguments.kills, arguments.seed, root)
            rows.append((name, *row.values()))
            differences += [f"{name}, {one}" for one in found]
            print(f"{name}: {row}", file=sys.stderr)
    print(markdown_table(("case", *(f"killed {stage}" for stage in list(row)[:3]), *list(row)[3:]), rows))
    for line in differences:
        print(line)
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
