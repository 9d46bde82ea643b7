"""A study: an Optuna study with its specification (config, sweep, seed), shared by several workers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from rnn_capacity.studies.queue import TrialQueue
from rnn_capacity.studies.specification import first_difference
from rnn_capacity.studies.storage import Storage, open_storage
from rnn_capacity.studies.timing import Timing
from rnn_capacity.studies.trial import Goal, Proposal

SPECIFICATION = "specification"
"""Name of the user attribute in which an Optuna study stores its specification (config, sweep, seed)."""

TOTAL = "total:"
"""Prefix of the names of user attributes that store a requested number of trials. Each requested number has its own
attribute, so that workers do not overwrite the numbers of others."""

MAKER_SECONDS = 5.0
"""Seconds that the worker that creates a study has to store the specification; after that another worker stores it."""


class Study(TrialQueue):
    """An Optuna study with a specification, whose trials several workers claim, train and finish.

    A worker claims a batch of trials, trains them and stores each result when its training is done. The storage is the
    only thing that workers share: each of them, at any time, may come, be killed, or be suspended and go on.

    Example:
        >>> import tempfile
        >>> from optuna.distributions import FloatDistribution
        >>> from rnn_capacity.studies import Proposal
        >>> url = f"sqlite:///{tempfile.mkdtemp()}/studies.db"
        >>> study = Study.open(url, "lr", specification={"task": "memory"}, goal="minimize")
        >>> propose = lambda count, *trials: [Proposal({"lr": 0.1}, {"lr": FloatDistribution(0, 1)})] * count
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
        """Open a study by name, and create it if a specification is given and no such study exists.

        Args:
            storage: The storage's URL: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or grpc://HOST:PORT.
            name: The study's name there.
            specification: All that the results depend on, as JSON can hold it; None to open an existing study.
            goal: Whether the best value is the largest or the smallest; ignored without a specification.
            timing: Heartbeats and repetition of calls.

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
        requested = json.loads(json.dumps(specification))
        _create(opened, name, requested, goal)
        study = cls(opened, name)
        if difference := first_difference({"goal": goal, **requested}, {"goal": study.goal, **study.specification}):
            key, value, stored = difference
            raise ValueError(
                f"{key} must be {stored} as in the stored study {name!r} in {opened.name}, got {value}; give another "
                "name to begin another study"
            )
        return study

    def total(self) -> int | None:
        """Return the largest number of trials that any worker has requested for the study; None if none has.

        Raises:
            StorageError: If the storage fails.
        """
        return max((total for key, total in self._attributes().items() if key.startswith(TOTAL)), default=None)

    def set_total(self, total: int) -> None:
        """Store the number of trials that this worker requests for the study.

        Args:
            total: Trials that the study is to have.

        Raises:
            StorageError: If the storage fails.
        """
        self._call(self._optuna.set_study_user_attr, self._study_id, f"{TOTAL}{total}", total)

    def enqueue(self, proposals: Sequence[Proposal]) -> None:
        """Store points as waiting trials, which workers claim before they propose new points.

        Args:
            proposals: The points, the first one first.

        Raises:
            StorageError: If the storage fails.
        """
        for proposal in proposals:
            trial = create_trial(state=TrialState.WAITING, **proposal._asdict())
            self._call(self._optuna.create_new_trial, self._study_id, trial)
        self.snapshot()

    def _attributes(self) -> dict[str, Any]:
        return self._call(self._optuna.get_study_user_attrs, self._study_id)


def _create(storage: Storage, name: str, specification: dict[str, Any], goal: Goal) -> None:
    """Create an Optuna study unless it exists, and wait until its specification is stored."""
    database, wait = storage.optuna, 0.0
    try:
        study_id = storage.call(database.create_new_study, [StudyDirection[goal.upper()]], name)
    except DuplicatedStudyError:  # it exists, or a repeated call had created it
        study_id, wait = storage.call(database.get_study_id_from_name, name), MAKER_SECONDS
    until = time.monotonic() + wait
    while SPECIFICATION not in storage.call(database.get_study_user_attrs, study_id):
        if time.monotonic() >= until:
            if storage.call(database.get_all_trials, study_id, deepcopy=False):  # another program's study
                break
            storage.call(database.set_study_user_attr, study_id, SPECIFICATION, specification)
        time.sleep(0.05)


def study_names(storage: str) -> list[str]:
    """Return the names of all studies in a storage.

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
