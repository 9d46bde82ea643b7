"""Finds the shipped configs and sweeps by name; imports nothing that takes long."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

Kind = Literal["config", "sweep"]

FOLDERS: dict[Kind, str] = {"config": "", "sweep": "sweeps"}
"""Subfolder that holds each kind of shipped file: configs, and sweeps of hyperparameters."""


def shipped_folder() -> Path:
    """Return the folder of the shipped configs: in an installed package, or beside the package in a checkout."""
    package = Path(str(files("rnn_capacity")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def shipped_files(kind: Kind) -> dict[str, Path]:
    """Return the paths of the shipped configs or sweeps, by their names without suffix.

    Args:
        kind: Whether configs or sweeps.

    Example:
        >>> list(shipped_files("config"))[:3]
        ['arithmetic', 'continuous_function', 'language']
    """
    return {path.stem: path for path in sorted((shipped_folder() / FOLDERS[kind]).glob("*.yaml"))}


def find_file(kind: Kind, given: str | Path, folder: Path | None = None, argument: str | None = None) -> Path:
    """Return the path of a config or sweep: an existing file, or else the shipped file of that name.

    Args:
        kind: Whether a config or a sweep.
        given: The file's path, or the name of a shipped file.
        folder: The folder that the path is relative to; None is the current one.
        argument: Name of the argument for error messages; None is the kind.

    Raises:
        ValueError: If there is neither; the message lists the names.

    Example:
        >>> find_file("sweep", "capacity").name
        'capacity.yaml'
    """
    path = Path(given) if folder is None else folder / given
    if is_existing_file(path):
        return path
    shipped, name = shipped_files(kind), str(given)
    if name not in shipped:
        raise ValueError(f"{argument or kind} must be an existing file or one of {', '.join(shipped)}; got {name!r}")
    return shipped[name]


def is_existing_file(path: str | Path) -> bool:
    """Return whether a text is the path of an existing file; False for a text that cannot be a path."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, or with a null byte
        return False
