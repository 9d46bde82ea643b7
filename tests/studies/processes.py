"""Worker processes for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]


class Process:
    """A running worker, see worker.py."""

    def __init__(self, url: str, *options: object) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.studies.worker", url, *map(str, options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.lines: list[list[str]] = []

    @staticmethod
    def _open(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise RuntimeError("not a pipe")
        return stream

    def until(self, word: str) -> None:
        """Wait for a line that begins with the word."""
        while not self.lines or self.lines[-1][0] != word:
            line = self._open(self.popen.stdout).readline()
            if not line:
                raise RuntimeError(f"ended before {word!r}: {self._open(self.popen.stderr).read()}")
            self.lines.append(line.split())

    def go(self) -> None:
        """Let the worker continue where it waits for a line of input."""
        stdin = self._open(self.popen.stdin)
        stdin.write("\n")
        stdin.flush()

    def end(self) -> int:
        """Wait for the worker to exit, and check that it wrote nothing to standard error."""
        out, err = self.popen.communicate(timeout=60)
        self.lines += [line.split() for line in out.splitlines()]
        if err:
            raise RuntimeError(err)
        return self.popen.returncode

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def numbers(self, word: str) -> list[int]:
        """The numbers of the trials in the lines that begin with the word."""
        return [int(number) for first, *rest in self.lines if first == word for number in rest]


@contextmanager
def started(number: int, url: str, *options: object) -> Iterator[list[Process]]:
    """Workers that have imported everything and open the study at the same moment."""
    processes = [Process(url, *options) for _ in range(number)]
    with ExitStack() as stack:
        for process in processes:
            stack.enter_context(process.popen)
            stack.callback(process.popen.kill)
        for process in processes:
            process.until("ready")
        for process in processes:
            process.go()
        yield processes
