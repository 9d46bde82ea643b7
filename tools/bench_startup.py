"""How long the program takes before it works, beside what Lightning alone takes to import.

    python tools/bench_startup.py

Prints the median of several processes for each command, all in one run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PROGRAM = [sys.executable, "-m", "rnn_capacity"]
COMMANDS = {
    "import pytorch_lightning.cli": [sys.executable, "-c", "import pytorch_lightning.cli"],
    "rnn-capacity --help": [*PROGRAM, "--help"],
    "rnn-capacity fit --config missing.yaml": [*PROGRAM, "fit", "--config", "missing.yaml"],
    "rnn-capacity fit --help": [*PROGRAM, "fit", "--help"],
    "rnn-capacity fit --model.foo 3": [*PROGRAM, "fit", "--model.foo", "3"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - start


def main() -> None:
    """Time every command in turn, seven times, after one turn to warm the disk's cache."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(8):
        for name, command in COMMANDS.items():
            taken = seconds(command)
            if turn:
                times[name].append(taken)
    for name, taken_all in times.items():
        print(f"{statistics.median(taken_all):6.2f} s  {name}")


if __name__ == "__main__":
    main()
