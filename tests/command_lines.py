"""Runs command lines one after another in one process: `python -m tests.command_lines FILE`, with a JSON list."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rnn_capacity.cli import main

if __name__ == "__main__":
    for command_line in json.loads(Path(sys.argv[1]).read_text()):
        main(command_line)
