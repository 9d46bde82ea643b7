"""Finds the checkpoint that a run resumes from, and checks that a checkpoint fits the command's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnn_capacity.training import RecurrentModule, Task, TaskDataModule, load_checkpoint

ARCHITECTURE = (
    "_class_path",
    "cell",
    "depth",
    "hidden_size",
    "max_parameters",
    "nonlinearity",
    "b_fg",
    "residual",
    "layer_norm",
    "cell_options",
)
"""Arguments of the module that a checkpoint's network must share to be evaluated: those that shape the network."""


def last_checkpoint(directory: Path) -> Path | None:
    """Return the path of a run's `last.ckpt`; None if the run has not saved one.

    Args:
        directory: Directory of the run.

    Raises:
        ValueError: If the run is finished.

    Example:
        >>> from pathlib import Path
        >>> last_checkpoint(Path("runs/memory/not-started")) is None
        True
    """
    if (directory / "summary.json").exists():
        raise ValueError(f"run must be the name of an unfinished run, got {directory.name!r} ({directory} is finished)")
    checkpoint = directory / "checkpoints" / "last.ckpt"
    return checkpoint if checkpoint.is_file() else None


def check_checkpoint(
    path: str, module: RecurrentModule, data: TaskDataModule, task: Task, max_steps: int | None
) -> None:
    """Check that a checkpoint was made with the given arguments, so that a run can resume or its network be evaluated.

    A run is resumed with its own arguments only; an evaluation needs a network of the same architecture.

    Args:
        path: The checkpoint.
        module: The module with the given arguments.
        data: The data module with the given arguments.
        task: The task for the module's network.
        max_steps: Optimizer steps of the run to be resumed; None if the checkpoint is evaluated.

    Raises:
        ValueError: If the file is not a checkpoint of this program, or was trained with other arguments.

    Example:
        >>> from rnn_capacity.tasks import Memory
        >>> from rnn_capacity.training import RecurrentModule, TaskDataModule
        >>> task, module = Memory(input_size=3), RecurrentModule(hidden_size=2, input_size=3, output_size=3)
        >>> check_checkpoint("none.ckpt", module, TaskDataModule(task), task, max_steps=None)
        Traceback (most recent call last):
        ValueError: ckpt_path must be a readable checkpoint of this program, got 'none.ckpt' (FileNotFoundError(...))
    """
    # Lightning reads a checkpoint by its path only; mmap leaves the weights on the disk until it does
    checkpoint = load_checkpoint(path, mmap=True)
    try:
        saved, saved_data = checkpoint["hyper_parameters"], checkpoint["datamodule_hyper_parameters"]
    except KeyError as error:
        raise ValueError(f"ckpt_path must be a readable checkpoint of this program, got {path!r} ({error!r})") from None
    given = dict(module.hparams)
    if max_steps is None:
        names = [name for name in ARCHITECTURE if name in given or name in saved]
        compare("model", path, *({name: part.get(name) for name in names} for part in (given, saved)))
    else:
        compare("model", path, given, saved)
        compare("data", path, dict(data.hparams), saved_data)
        if module.rule.schedule is not None or task.loss_exponents(max_steps) is not None:
            compare("trainer", path, {"max_steps": max_steps}, {"max_steps": checkpoint.get("max_steps")})
    compare("data", path, {"alphabet": task.alphabet}, {"alphabet": checkpoint.get("alphabet")})
    sizes = [{size: part.get(size) for size in ("input_size", "output_size")} for part in (given, saved)]
    compare("data", path, *sizes)


def compare(part: str, path: str, given: dict[str, Any], saved: dict[str, Any]) -> None:
    """Check that arguments, nested ones included, equal those stored in a checkpoint.

    Args:
        part: Name of the arguments on the command line, before a dot.
        path: The checkpoint.
        given: The given arguments.
        saved: The arguments in the checkpoint.

    Raises:
        ValueError: Names the first argument that differs.
    """
    for name in sorted(set(given) | set(saved)):
        here, there = given.get(name), saved.get(name)
        if name == "_instantiator" or here == there:
            continue
        if isinstance(here, dict) and isinstance(there, dict):
            compare(f"{part}.{name}", path, here, there)
            continue
        raise ValueError(f"{part}.{name.lstrip('_')} must be {there!r}, which {path} was trained with, got {here!r}")
