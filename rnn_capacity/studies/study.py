"""A study: its specification, and its trials, divided between workers."""

from __future__ import annotations

import json
import time
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection

from rnn_capacity.studies.queue import TrialQueue
from rnn_capacity.studies.specification import first_difference
from rnn_capacity.studies.storage import Storage, open_storage
from rnn_capacity.studies.timing import Timing
from rnn_capacity.studies.trial import Goal

SPECIFICATION = "specification"
"""User attribute of a study."""

TOTAL = "total:"
"""Beginning of user attributes of a study, one for each total that was asked for: two workers that store their totals
at the same moment do not overwrite each other's."""

MAKER_SECONDS = 5.0
"""Seconds for which the worker that makes a study is given to store the specification; afterwards others do."""


class Study(TrialQueue):
    """Trials of one specification in a storage that several workers share; `Study.open` opens one.

    A worker claims a batch of trials, trains them and stores each result when its training is done. The storage is the
    only thing that workers share: each of them, at any time, may come, be killed, or be suspended and go on.

    Example:
        >>> import tempfile
        >>> from optuna.distributions import FloatDistribution
        >>> from rnn_capacity.studies import Proposal
        >>> url = f"sqlite:///{tempfile.mkdtemp()}/studies.db"
        >>> study = Study.open(url, "lr", specification={"task": "memory"}, goal="minimize")
        >>> propose = lambda count, *known: [Proposal({"lr": 0.1}, {"lr": FloatDistribution(0, 1)})] * count
        >>> for trial in study.claim(2, 10, propose):
        ...     done = study.finish(trial, value=0.5, feasible=True, metrics={"loss": 0.5})
        >>> len(study.snapshot().finished), study.snapshot().best(1)[0].params
        (2, {'lr': 0.1})
    """

    def __init__(self, storage: Storage, name: str) -> None:
        super().__init__(storage, name)
        self.specification: dict[str, Any] = self._attributes().get(SPECIFICATION, {})

    @classmethod
    def open(
        cls,
        storage: str,
        name: str,
        *,
        specification: dict[str, Any] | None = None,
        goal: Goal = "maximize",
        timing: Timing | None = None,
    ) -> Study:
        """Open a study; with a specification, make it where it does not exist.

        Args:
            storage: The storage's URL: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or grpc://HOST:PORT.
            name: The study's name there.
            specification: All that the results depend on, as JSON can hold it; None to open an existing study.
            goal: Whether the best value is the largest or the smallest; ignored without a specification.
            timing: Signs of life and repetition.

        Raises:
            ValueError: If the storage cannot be opened, or the study does not exist or has another specification or
                goal.
            StorageError: If the storage fails.
        """
        opened = open_storage(storage, create=specification is not None, timing=timing)
        if specification is None:
            names = opened.call(optuna.get_all_study_names, opened.optuna)
            if name not in names:
                known = ", ".join(sorted(names)) or "none"
                raise ValueError(f"study must be one of {known} in {opened.name}; got {name!r}")
            return cls(opened, name)
        given = json.loads(json.dumps(specification))
        _make(opened, name, given, goal)
        study = cls(opened, name)
        if found := first_difference({"goal": goal, **given}, {"goal": study.goal, **study.specification}):
            key, value, stored = found
            raise ValueError(
                f"{key} must be {stored} as in the stored study {name!r} in {opened.name}, got {value}; give another "
                "name to begin another study"
            )
        return study

    def total(self) -> int | None:
        """Read the largest number of trials that was ever asked for; None if there was none.

        Raises:
            StorageError: If the storage fails.
        """
        return max((total for key, total in self._attributes().items() if key.startswith(TOTAL)), default=None)

    def set_total(self, total: int) -> None:
        """Keep a number of trials that was asked for.

        Args:
            total: Trials that the study is to have.

        Raises:
            StorageError: If the storage fails.
        """
        self._call(self._optuna.set_study_user_attr, self._study_id, f"{TOTAL}{total}", total)

    def _attributes(self) -> dict[str, Any]:
        return self._call(self._optuna.get_study_user_attrs, self._study_id)


def _make(storage: Storage, name: str, specification: dict[str, Any], goal: Goal) -> None:
    """Make a study, unless it exists, and wait until it has a specification."""
    database, wait = storage.optuna, 0.0
    try:
        study_id = storage.call(database.create_new_study, [StudyDirection[goal.upper()]], name)
    except DuplicatedStudyError:  # it exists, or the answer got lost
        study_id, wait = storage.call(database.get_study_id_from_name, name), MAKER_SECONDS
    until = time.monotonic() + wait
    while SPECIFICATION not in storage.call(database.get_study_user_attrs, study_id):
        if time.monotonic() >= until:
            if storage.call(database.get_all_trials, study_id, deepcopy=False):  # another program's study
                break
            storage.call(database.set_study_user_attr, study_id, SPECIFICATION, specification)
        time.sleep(0.05)


def study_names(storage: str) -> list[str]:
    """List the names of a storage's studies.

    Args:
        storage: The storage's URL.

    Raises:
        ValueError: If the storage cannot be opened.
        StorageError: If the storage fails.

    Example:
        >>> import tempfile
        >>> url = f"sqlite:///{tempfile.mkdtemp()}/studies.db"
        >>> from rnn_capacity.studies import Study
        >>> study = Study.open(url, "capacity", specification={"task": "memory"})
        >>> study_names(url)
        ['capacity']
    """
    opened = open_storage(storage, create=False)
    return sorted(opened.call(optuna.get_all_study_names, opened.optuna))
