"""Measures the startup time of `rnn-capacity` commands beside the time to import Lightning alone.

    python tools/bench_startup.py

Prints the median of several processes for each command, all in one run.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from measuring import median_seconds, script_parser, timed

PROGRAM = [sys.executable, "-m", "rnn_capacity"]
COMMANDS = {
    "import pytorch_lightning.cli": [sys.executable, "-c", "import pytorch_lightning.cli"],
    "rnn-capacity --help": [*PROGRAM, "--help"],
    "rnn-capacity fit --config missing.yaml": [*PROGRAM, "fit", "--config", "missing.yaml"],
    "rnn-capacity fit --help": [*PROGRAM, "fit", "--help"],
    "rnn-capacity fit --model.foo 3": [*PROGRAM, "fit", "--model.foo", "3"],
}


def main() -> None:
    """Print the median seconds of each command over several rounds, after one warm-up round."""
    parser = script_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    run = partial(subprocess.run, capture_output=True, check=False)
    processes = {name: timed(partial(run, command)) for name, command in COMMANDS.items()}
    for name, seconds in median_seconds(processes, parser.parse_args().rounds).items():
        print(f"{seconds:6.2f} s  {name}")


if __name__ == "__main__":
    main()
