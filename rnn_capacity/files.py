"""Files that are written whole or not at all, a full disk included."""

from __future__ import annotations

import errno
import os
from pathlib import Path

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a quota or a file size limit that is used up."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that it is at any time either absent, its earlier version, or whole.

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
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def append(path: Path, text: str) -> None:
    """Append text to a file, or leave the file as it is.

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
