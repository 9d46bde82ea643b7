"""Errors of constructors for values that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def creation_errors() -> Iterator[None]:
    """Turn what creating a network or a task raises, where memory or number formats end, into a ValueError.

    Raises:
        ValueError: In place of any other error.
    """
    try:
        yield
    except ValueError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{type(error).__name__}: {text}" if text else type(error).__name__) from error
