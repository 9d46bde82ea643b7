"""Runs wrong command lines in the process of the tests, and judges what they answer."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

import rnn_capacity.search.arguments
import rnn_capacity.search.command
from rnn_capacity.cli import main
from rnn_capacity.training import RecurrentModule

TIME_LIMIT = 10
"""Seconds after which a command line counts as one that hangs."""


@dataclass(frozen=True)
class Case:
    """A command line with one mistake.

    Args:
        command: The command.
        options: What is wrong, after the options that are right.
        names: Words of which the answer must have one: the argument's name.
        base: Name of the task whose valid options come first; None is a command line without them.
    """

    command: str
    options: tuple[str, ...]
    names: tuple[str, ...]
    base: str | None = "random_mapping"

    def __str__(self) -> str:
        task = "" if self.base == "random_mapping" else f" ({self.base})"
        return " ".join([self.command + task, *self.options])[:150]


class Accepted(BaseException):
    """A wrong command line was accepted: the work begins."""


class Hangs(BaseException):
    """A wrong command line has no answer within the time limit."""


def accept(*_: Any, **__: Any) -> NoReturn:
    """Take the place of the work itself."""
    raise Accepted


def hang(*_: Any) -> NoReturn:
    """End a command line that takes too long."""
    raise Hangs


@contextlib.contextmanager
def prepared_program() -> Iterator[None]:
    """Build the parser of `search` once for all command lines, and do no work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            rnn_capacity.search.arguments, "search_parser", cache(rnn_capacity.search.arguments.search_parser)
        )
        patch.setattr(rnn_capacity.search.command, "run", accept)
        for step in ("training_step", "validation_step", "test_step", "predict_step"):
            patch.setattr(RecurrentModule, step, accept)
        yield


@contextlib.contextmanager
def restored_process(folder: Path) -> Iterator[None]:
    """Run in a folder; leave nothing changed in the process."""
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 (a run may seed the global generator)
    path, environment, here, dtype = list(sys.path), dict(os.environ), Path.cwd(), torch.get_default_dtype()
    os.chdir(folder)
    previous = signal.signal(signal.SIGALRM, hang)
    signal.alarm(TIME_LIMIT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
        os.chdir(here)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
        torch.set_default_dtype(dtype)
        random.setstate(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002 (a run may seed the global generator)
        torch.set_rng_state(generators[2])


def faults(case: Case, arguments: list[str], folder: Path) -> list[str]:
    """Run a wrong command line; return what is wrong with its answer.

    Args:
        case: The command line's mistake.
        arguments: The whole command line.
        folder: Where it runs.
    """
    before = set(folder.rglob("*"))
    output, errors = io.StringIO(), io.StringIO()
    found: list[str] = []
    code: Any = 0
    with restored_process(folder), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main(arguments)
        except SystemExit as stop:
            code = stop.code
        except Accepted:
            return ["is accepted"]
        except Hangs as error:
            return [f"has no answer after {TIME_LIMIT} seconds: {innermost(error)}"]
        except Exception as error:
            return [f"ends with a traceback: {innermost(error)}"]
    if code != 2:
        found.append(f"has the exit code {code}")
    lines = errors.getvalue().splitlines()
    if len(lines) != 1 or not lines[0].startswith("rnn-capacity: error: "):
        found.append(f"does not print one line: {errors.getvalue()[:400]!r}")
    if output.getvalue():
        found.append(f"prints {output.getvalue()[:200]!r}")
    word = "|".join(map(re.escape, case.names))
    if not re.search(rf"(?<!\w)({word})(?!\w)", errors.getvalue()):
        found.append(f"does not name {' or '.join(case.names)}: {errors.getvalue()[:400]!r}")
    if len(errors.getvalue()) > 2000:
        found.append(f"prints {len(errors.getvalue())} characters")
    if left := set(folder.rglob("*")) - before:
        found.append(f"leaves {sorted(str(path.relative_to(folder)) for path in left)[:3]}")
    return found


def innermost(error: BaseException) -> str:
    """Return an exception and the place in the package from which it came."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/rnn_capacity/" in frame.filename]
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"
