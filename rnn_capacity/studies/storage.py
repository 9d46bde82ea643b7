"""Optuna's storage, with several of its calls in one transaction, and with patience."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.pool import NullPool

from rnn_capacity.studies import address, postgresql, sqlite
from rnn_capacity.studies.patience import patiently
from rnn_capacity.studies.timing import Timing

T = TypeVar("T")


class Storage:
    """A database of studies.

    Every call of Optuna's storage is a transaction of its own. Here several are one: a result is stored whole or not at
    all, and what a worker claims depends on nothing that changes meanwhile.

    Args:
        url: Where the database is, as `address.parse` gives it.
        create: Whether it is made where it is not there.
        timing: Heartbeats and patience.
    """

    def __init__(self, url: URL, create: bool, timing: Timing) -> None:
        self.name = address.plain(url)
        self.timing = timing
        self._dead: list[FrozenTrial] = []
        self._local = threading.local()
        self.optuna = patiently(lambda: self._open(url, create), self.name, timing.patience, lambda: None)

    def _open(self, url: URL, create: bool) -> RDBStorage:
        if url.get_backend_name() == "sqlite":
            sqlite.prepare(Path(url.database or ""), create)
            storage = self._connect(url)
            sqlite.configure(storage.engine)
        else:
            with postgresql.prepare(url, create):
                storage = self._connect(url)
            postgresql.configure(storage.engine)
        event.listen(storage.engine, "handle_error", self._note)
        return storage

    def _connect(self, url: URL) -> RDBStorage:
        # Optuna fills in braces as str.format does
        text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
        backend = sqlite if url.get_backend_name() == "sqlite" else postgresql
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats, experimental since 2021
                return RDBStorage(
                    text,
                    # no connection is held between transactions: hundreds of workers may share a server, which may be
                    # started again, and a file that was deleted is noticed
                    engine_kwargs={"connect_args": backend.CONNECT, "poolclass": NullPool},
                    heartbeat_interval=self.timing.heartbeat,
                    grace_period=self.timing.grace,
                    heartbeat_stale_trial_callback=lambda _, trial: self._dead.append(trial),
                )
        except RuntimeError as error:  # written by another version of Optuna
            raise ValueError(f"storage: {self.name}: {error}") from error

    def _note(self, context: ExceptionContext) -> None:
        """Keep the first error: those after it only tell that the transaction cannot go on."""
        if getattr(self._local, "error", None) is None:
            self._local.error = context.sqlalchemy_exception or context.original_exception

    def read(self, work: Callable[[], T]) -> T:
        """Read, at one moment of the database.

        Args:
            work: Calls Optuna's storage.

        Raises:
            StorageError: If the database fails.
        """
        return self._do(work, writes=False)

    def write(self, work: Callable[[], T]) -> T:
        """Read and write, all of it or nothing.

        Args:
            work: Calls Optuna's storage; called again where the transaction failed for a reason that passes.

        Raises:
            StorageError: If the database fails.
        """
        return self._do(work, writes=True)

    def _do(self, work: Callable[[], T], writes: bool) -> T:
        def attempt() -> T:
            self._local.error = None
            with self._transaction(writes):
                return work()

        return patiently(attempt, self.name, self.timing.patience, lambda: getattr(self._local, "error", None))

    @contextmanager
    def _transaction(self, writes: bool) -> Iterator[None]:
        # SQLAlchemy's way to let a session take part in a transaction from outside: Optuna's commits become savepoints
        sessions = self.optuna.scoped_session
        sessions.remove()
        with (
            self.optuna.engine.connect().execution_options(**{sqlite.WRITES: writes}) as connection,
            connection.begin(),
        ):
            sessions(bind=connection, join_transaction_mode="create_savepoint")
            try:
                yield
            finally:
                sessions.remove()

    def dead(self, study_id: int) -> list[int]:
        """The running trials whose workers gave no sign of life.

        Raises:
            StorageError: If the database fails.
        """
        return self.read(lambda: self.optuna._get_stale_trial_ids(study_id))

    def fail_dead(self, study: optuna.Study) -> list[FrozenTrial]:
        """Mark the trials whose workers gave no sign of life as failed, in the current transaction.

        Returns:
            Those trials.
        """
        self._dead.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(study)
        return list(self._dead)


def open_storage(storage: str, *, create: bool = True, timing: Timing | None = None) -> Storage:
    """Open a database of studies.

    Args:
        storage: Its URL: sqlite:///FILE for the workers of one machine, postgresql://USER:PASSWORD@HOST/DATABASE for
            those of several.
        create: Whether it is made where it is not there.
        timing: Heartbeats and patience.

    Raises:
        ValueError: If the URL is none, of an unknown kind, in a folder that does not exist, or its driver is not
            installed; if the database cannot be reached, is none, or belongs to another program.
        StorageError: If the database fails.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # or it tells of every study that is made
    return Storage(address.parse(storage), create, timing or Timing())
