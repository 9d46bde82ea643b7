"""Converts any exception raised while building a network or a task into a ValueError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def creation_errors() -> Iterator[None]:
    """Convert any exception raised while building a network or a task, such as out of memory, into a ValueError.

    Raises:
        ValueError: In place of any other exception.
    """
    try:
        yield
    except ValueError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{type(error).__name__}: {text}" if text else type(error).__name__) from error
