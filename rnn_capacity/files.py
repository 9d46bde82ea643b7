"""Writes files whole or not at all, even if the disk is full."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Values of `errno` for a full disk, a used-up quota or a file that is too large."""


MAX_NAME = 255
"""Largest length of a file name in bytes on common file systems."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that at any time it is absent, unchanged or complete.

    Args:
        path: The file.
        content: Its content; a text is written in UTF-8.

    Raises:
        OSError: If it cannot be written; the earlier version stays.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "summary.json", "{}")
        ...     [path.name for path in Path(folder).iterdir()]
        ['summary.json']
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")  # each process its own
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_folder_name(name: str) -> bool:
    """Return whether a text can be the name of one folder on every common file system.

    Args:
        name: The name, without the folders above.

    Example:
        >>> [is_folder_name(name) for name in ("first", "a/b", "..", "x" * 300)]
        [True, False, False, False]
    """
    return name not in ("", "..") and name == Path(name).name and "\0" not in name and len(name.encode()) <= MAX_NAME


def local_folder(argument: str, folder: str) -> str:
    """Return a folder's path with `~` replaced by the home directory; a URL is refused.

    Args:
        argument: Name of the argument for error messages.
        folder: The path as the user gives it.

    Raises:
        ValueError: If it is a URL, or names an unknown user.

    Example:
        >>> local_folder("trainer.default_root_dir", "runs")
        'runs'
    """
    if "://" in folder or "\0" in folder:
        raise ValueError(f"{argument} must be a folder of this machine, got {folder!r}")
    try:
        return str(Path(folder).expanduser())
    except RuntimeError as error:
        raise ValueError(f"{argument} must be a folder of a known user, got {folder!r}") from error


def make_folder(argument: str, folder: Path) -> None:
    """Create a folder and its missing parents, and remove those created if one cannot be.

    Args:
        argument: Name of the argument for error messages.
        folder: The folder.

    Raises:
        ValueError: If it cannot be made or written to.

    Example:
        >>> from pathlib import Path
        >>> make_folder("trainer.default_root_dir", Path("/proc/version/runs"))
        Traceback (most recent call last):
        ValueError: trainer.default_root_dir must be a writable folder, got '/proc/version/runs' (File exists)
    """
    made: list[Path] = []
    try:
        for part in reversed([folder, *folder.parents]):
            if not part.is_dir():
                part.mkdir(exist_ok=True)  # another process may have made it meanwhile
                made.append(part)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:  # a ValueError for a null byte
        for part in reversed(made):
            with suppress(OSError):  # another process has written to it
                part.rmdir()
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{argument} must be a writable folder, got {str(folder)!r} ({reason})") from error


def append(path: Path, text: str) -> None:
    """Append text to a file, or leave the file unchanged if not all of the text can be written.

    Args:
        path: The file.
        text: The text, written in UTF-8.

    Raises:
        OSError: If it cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     append(Path(folder) / "notes.txt", "20, ")
        ...     append(Path(folder) / "notes.txt", "40")
        ...     (Path(folder) / "notes.txt").read_text()
        '20, 40'
    """
    rest = text.encode()
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(size)
            raise OSError(error.errno, error.strerror, str(path)) from error
