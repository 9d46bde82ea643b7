"""Prints the faults of all wrong command lines: `python -m tests.wrong_input.every_case`."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tests.program import parser_built_once
from tests.wrong_input.command_lines import CommandLines, wrong_command_lines
from tests.wrong_input.program_runs import faults, prepared_program


def main() -> None:
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            lines = CommandLines(Path(folder))
        with parser_built_once(), prepared_program():
            for case in wrong_command_lines(every=True):
                for fault in faults(case, lines.complete(case), lines.folder):
                    print(f"{case} {fault}".encode("unicode_escape").decode()[:400], flush=True)


if __name__ == "__main__":
    main()
