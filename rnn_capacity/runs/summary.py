"""Content of summary.json: the sizes, final metrics, seeds, versions and machine of a run."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from rnn_capacity import __version__
from rnn_capacity.files import write_atomically
from rnn_capacity.kernels.native import native_library
from rnn_capacity.training import RecurrentModule, Task, run_result


def run_sizes(module: RecurrentModule, task: Task) -> dict[str, Any]:
    """Return the name of the task and the cell, and the depth, units, parameters and training samples of a run.

    Args:
        module: The module.
        task: The task for the module's network.

    Example:
        >>> from rnn_capacity.tasks import RandomMapping
        >>> from rnn_capacity.training import RecurrentModule
        >>> run_sizes(RecurrentModule(hidden_size=4, input_size=6), RandomMapping(samples=16, input_size=6))
        {'task': 'random_mapping', 'cell': 'rnn', 'depth': 1, 'units': 4, 'parameters': 53, 'samples': 16}
    """
    return {
        "task": task.name,
        "cell": module.cell,
        "depth": module.depth,
        "units": module.hidden_size,
        "parameters": module.parameters_total,
        "samples": task.samples,
    }


def run_summary(module: RecurrentModule, seconds: float) -> dict[str, Any]:
    """Return the content of summary.json: sizes, final metrics, wall time, seeds, versions, machine and commit.

    Args:
        module: A module after the final evaluation of its run.
        seconds: Wall time of training and evaluation.

    Example:
        >>> from rnn_capacity.tasks import RandomMapping
        >>> from rnn_capacity.training import RecurrentModule, diverged_metrics
        >>> module = RecurrentModule(hidden_size=4, input_size=6)
        >>> module.task = RandomMapping(samples=16, input_size=6)
        >>> module.metrics["test"] = diverged_metrics(module.task)
        >>> summary = run_summary(module, seconds=1.5)
        >>> summary["units"], summary["accuracy"], summary["seconds"], summary["seeds"]
        (4, 0.5, 1.5, {'network': 0, 'task': 0})
    """
    task = module.task
    return {
        **run_sizes(module, task),
        **run_result(module, task, module.metrics, module.diverged_at, module.steps_trained),
        "seconds": round(seconds, 3),
        "seeds": {"network": module.seed, "task": task.seed},
        "versions": {
            "python": platform.python_version(),
            "rnn-capacity": __version__,
            **{name: version(name) for name in ("torch", "pytorch-lightning")},
        },
        "machine": {
            "device": module.device.type,
            "threads": torch.get_num_threads(),
            "kernel": getattr(native_library(), "build", None),
        },
        "commit": source_commit(),
    }


def source_commit() -> str | None:
    """Return the git commit hash of the checkout that this package is in; None outside of a checkout."""
    here = Path(__file__).parent
    try:
        for command in (["ls-files", "--error-unmatch", "__init__.py"], ["rev-parse", "HEAD"]):
            done = subprocess.run(["git", *command], cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write_summary(directory: Path, summary: dict[str, Any]) -> None:
    """Write a run's final metrics and facts to summary.json in the run's directory.

    Args:
        directory: Directory of the run.
        summary: The content, from `run_summary`.

    Raises:
        OSError: If the file cannot be written; an older one stays.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_summary(folder, {"units": 4})
        >>> json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        {'units': 4}
    """
    write_atomically(directory / "summary.json", json.dumps(summary, indent=2) + "\n")
