"""The shipped configs and sweeps, which the command line finds by name. Imports nothing heavy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

Kind = Literal["config", "sweep"]

FOLDERS: dict[Kind, str] = {"config": "", "sweep": "sweeps"}
"""The folder of each kind of file within the shipped folder."""


def shipped_folder() -> Path:
    """Return the folder of the shipped files: inside an installed package, beside the package in a checkout."""
    package = Path(str(files("rnn_capacity")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def shipped_files(kind: Kind) -> dict[str, Path]:
    """Return the shipped files of a kind by their names.

    Args:
        kind: Whether configs or sweeps.

    Example:
        >>> list(shipped_files("config"))[:3]
        ['arithmetic', 'continuous_function', 'language']
    """
    return {path.stem: path for path in sorted((shipped_folder() / FOLDERS[kind]).glob("*.yaml"))}


def find_file(kind: Kind, given: str | Path, folder: Path | None = None, argument: str | None = None) -> Path:
    """Find a config or a sweep: an existing file, or else the shipped one of that name.

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
    """Return whether there is a file of a path, which may be no path at all."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, or with a null byte
        return False
