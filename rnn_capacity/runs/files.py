"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that it is at any time either absent, its earlier version, or whole.

    Args:
        path: The file.
        text: Its content, written in UTF-8.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "summary.json", "{}")
        ...     [path.name for path in Path(folder).iterdir()]
        ['summary.json']
    """
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
