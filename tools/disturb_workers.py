"""Runs workers of one study on PostgreSQL that are killed and suspended at random, and checks that no trial is lost.

    python tools/disturb_workers.py --workers 8 --seconds 300
    python tools/disturb_workers.py --workers 8 --seconds 300 --grpc

Without --storage it starts a PostgreSQL server of its own in a temporary folder (`pip install -e '.[test]'`).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from load_studies import SMALL, postgresql
from measuring import script_parser
from optuna.trial import TrialState

from rnn_capacity.cli import main as program
from rnn_capacity.studies import Study
from rnn_capacity.studies.trial import retry_history


class Workers:
    """Runs several `rnn-capacity search` processes on one study, and kills or suspends them at random.

    Args:
        url: The storage.
        count: How many run at a time.
        folder: Where they write.
    """

    def __init__(self, url: str, count: int, folder: Path) -> None:
        self.options = [*SMALL, f"--storage={url}", "--study=load", "--population=16", "--trials=1000000"]
        self.options.append(f"--trainer.default_root_dir={folder}")
        self.folder = folder
        self.started = 0
        self.running = [self.start(self.options) for _ in range(count)]

    def start(self, options: list[str]) -> multiprocessing.process.BaseProcess:
        """Start one more worker as a fork of this process, which saves the time of imports."""
        self.started += 1
        process = multiprocessing.get_context("fork").Process(target=self.run, args=(options, self.started))
        process.start()
        return process

    def run(self, options: list[str], number: int) -> None:
        """Run `rnn-capacity search` in a worker process, with its output in a file."""
        output = os.open(self.folder / f"worker{number}.txt", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        program(["search", *options])

    def disturb(self, seconds: float, between: float, suspended: float) -> Counter[str]:
        """Repeatedly kill and replace a random worker, or suspend it for a while, and return the counts of events.

        Args:
            seconds: How long.
            between: Mean seconds between two events.
            suspended: Longest time for which a worker is suspended.
        """
        done: Counter[str] = Counter()
        asleep: dict[int, float] = {}
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for index in [index for index, until in asleep.items() if until < now]:
                os.kill(self.running[index].pid or 0, signal.SIGCONT)
                del asleep[index]
            index = random.randrange(len(self.running))
            if not self.running[index].is_alive():
                done[f"ended by itself with {self.running[index].exitcode}"] += 1
                self.running[index] = self.start(self.options)
            elif random.random() < 0.5:
                self.running[index].kill()
                self.running[index].join()
                asleep.pop(index, None)
                self.running[index] = self.start(self.options)
                done["killed"] += 1
            elif index not in asleep:
                os.kill(self.running[index].pid or 0, signal.SIGSTOP)
                asleep[index] = now + random.uniform(0, suspended)
                done["suspended"] += 1
            time.sleep(random.uniform(0, 2 * between))
        for index in asleep:
            os.kill(self.running[index].pid or 0, signal.SIGCONT)
        return done

    def end(self) -> None:
        """Send SIGTERM to all workers, wait up to 60 seconds for each, and kill those that are left."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.join(60)
            process.kill()


def disturbed_workers(url: str, database: str, count: int, seconds: float, between: float) -> None:
    """Run workers that are killed and suspended, finish the study, and check that no trial is lost or counted twice.

    Raises:
        RuntimeError: If a trial is lost or counted twice.
    """
    os.environ["RNN_CAPACITY_HEARTBEAT"] = "2,10"
    with tempfile.TemporaryDirectory() as folder:
        workers = Workers(url, count, Path(folder))
        began = time.monotonic()
        done = workers.disturb(seconds, between, suspended=20)
        took = time.monotonic() - began
        workers.end()
        study = Study.open(database, "load")
        after = study.snapshot()
        print(f"{count} workers, {took:.0f} s: {dict(done)}; {len(after.finished)} trials finished", flush=True)
        print(f"  {len(after.finished) / took:.1f} trials a second, {len(after.stored) - len(after.points)} run again")
        total = len(after.points)
        time.sleep(10)  # the grace of the killed ones
        last = workers.start([*workers.options, f"--trials={total}"])
        last.join(300)
        if last.exitcode != 0:
            raise RuntimeError((Path(folder) / f"worker{workers.started}.txt").read_text())
    check_counts(Study.open(database, "load"), total)


def check_counts(study: Study, total: int) -> None:
    """Check that each point of a finished study has one result.

    Raises:
        RuntimeError: If one has none or several.
    """
    snapshot = study.snapshot()
    results = Counter(
        next(iter(retry_history(trial)), trial.number)
        for trial in snapshot.stored
        if trial.state is TrialState.COMPLETE
    )
    points = Counter(repr(trial.params) for trial in snapshot.finished)
    lost = [number for number in snapshot.points if number not in results]
    twice = [number for number, count in results.items() if count > 1]
    print(f"  in the end {len(snapshot.finished)} of {total}, lost {lost}, twice {twice}, of {len(points)} points")
    if lost or twice or len(snapshot.finished) != total or len(points) != total:
        raise RuntimeError("a trial was lost or counted twice")


@contextmanager
def proxy(database: str, port: int) -> Iterator[str]:
    """Run Optuna's gRPC proxy in front of a database in a process of its own."""
    code = (
        "import sys; from optuna.storages import get_storage, run_grpc_proxy_server\n"
        "run_grpc_proxy_server(get_storage(sys.argv[1]), host='localhost', port=int(sys.argv[2]))"
    )
    url = database.replace("postgresql:", "postgresql+psycopg2:")
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, url, str(port)])
    try:
        time.sleep(10)
        yield f"grpc://localhost:{port}"
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Disturb the workers of a study, and check its results."""
    parser = script_parser(__doc__)
    parser.add_argument("--storage", help="URL of an empty database; by default a PostgreSQL server")
    parser.add_argument("--workers", type=int, default=8, help="workers at a time")
    parser.add_argument("--seconds", type=float, default=300, help="for how long they are disturbed")
    parser.add_argument("--between", type=float, default=2, help="mean seconds between two disturbances")
    parser.add_argument("--grpc", action="store_true", help="through Optuna's gRPC proxy")
    parser.add_argument("--port", type=int, default=13_100, help="port of the proxy")
    options = parser.parse_args()
    with postgresql() if options.storage is None else nullcontext(options.storage) as database:
        Study.open(database, "another", specification={})  # creates the tables
        with proxy(database, options.port) if options.grpc else nullcontext(database) as url:
            disturbed_workers(url, database, options.workers, options.seconds, options.between)


if __name__ == "__main__":
    main()
