"""Worker process that claims points of a grid, pretends to train them, and prints each of its actions as a line.

It waits for a line on standard input before it opens the study, and where `stop` is given before every result after so
many of them.
"""

from __future__ import annotations

import argparse
import sys
import time

from rnn_capacity.studies import StorageError, Study, Timing
from tests.studies.grid import grid

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--total", type=int, default=200)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--stop", type=int, default=None)
parser.add_argument("--value", type=float, default=1.0)
parser.add_argument("--heartbeat", type=float, default=60)
parser.add_argument("--grace", type=float, default=180)
parser.add_argument("--fill", type=int, default=0, help="characters of a metric")
parser.add_argument("--file_size", type=int, default=None, help="bytes that a file may have")


def say(*words: object) -> None:
    print(*words, flush=True)


def main() -> None:
    args = parser.parse_args()
    say("ready")
    sys.stdin.readline()
    timing = Timing(args.heartbeat, args.grace, retry_seconds=20)
    study = Study.open(args.url, "study", specification={"task": "memory"}, timing=timing)
    say("open")
    if args.file_size is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (args.file_size, args.file_size))
    done = 0
    while trials := study.claim(args.batch, args.total, grid(args.total)):
        say("claimed", *(trial.number for trial in trials))
        with study.alive():
            for trial in trials:
                if args.stop is not None and done >= args.stop:
                    say("waits")
                    sys.stdin.readline()
                time.sleep(0.005)
                metrics = {"place": trial.params["place"], "fill": "x" * args.fill}
                stored = study.finish(trial, args.value, True, metrics) is not None
                say("finished" if stored else "lost", trial.number)
                done += stored


if __name__ == "__main__":
    try:
        main()
    except StorageError as error:
        say("error", error)
        sys.exit(3)
