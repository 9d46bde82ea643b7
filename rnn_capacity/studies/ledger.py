"""A study's trials in the storage: what every reader of them needs."""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import and_, case, column, func, select, table

from rnn_capacity.studies.record import FEASIBLE, STATES
from rnn_capacity.studies.storage import Storage
from rnn_capacity.studies.trial import Counts

TRIALS = table("trials", column("trial_id"), column("study_id"), column("state"))
ATTRIBUTES = table("trial_user_attributes", column("trial_id"), column("key"), column("value_json"))
OF_TRIAL = (ATTRIBUTES.c.trial_id == TRIALS.c.trial_id, ATTRIBUTES.c.key == FEASIBLE)
"""Optuna's tables, as far as the trials are counted in them."""


class Ledger:
    """The trials of one study.

    Args:
        storage: Where they are.
        name: The study's name.

    Raises:
        KeyError: If there is no such study.
        StorageError: If the storage fails.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self.storage = storage
        self.study_id = storage.read(lambda: storage.optuna.get_study_id_from_name(name))
        # Optuna's study keeps the finished trials that it has read: a later look reads what is new
        self.study = storage.read(lambda: optuna.load_study(study_name=name, storage=storage.optuna))

    def look(self) -> list[FrozenTrial]:
        """The trials that count, in a transaction that has not written yet."""
        return self.study.get_trials(deepcopy=False, states=tuple(STATES))

    def trials(self) -> list[FrozenTrial]:
        """The trials that count.

        Raises:
            StorageError: If the storage fails.
        """
        return self.storage.read(self.look)

    def has_room(self, total: int) -> bool:
        """Whether there may be a trial to claim: one that waits or is yet to be proposed, or that of a dead worker.

        Raises:
            StorageError: If the storage fails.
        """
        counts = self.counts()
        if counts.finished + counts.running < total:
            return True
        return bool(counts.running and self.storage.dead(self.study_id))

    def counts(self) -> Counts:
        """How many trials are in which state.

        Raises:
            StorageError: If the storage fails.
        """
        # Optuna has no call for it, and to read a thousand pending trials each time takes half a second
        query = (
            select(TRIALS.c.state, func.count(), func.sum(case((ATTRIBUTES.c.value_json == "false", 1), else_=0)))
            .select_from(TRIALS.outerjoin(ATTRIBUTES, and_(*OF_TRIAL)))
            .where(TRIALS.c.study_id == self.study_id)
            .group_by(TRIALS.c.state)
        )
        rows = self.storage.read(lambda: self.storage.optuna.scoped_session().execute(query).all())
        trials = {str(state): int(number) for state, number, _ in rows}
        infeasible = {str(state): int(number) for state, _, number in rows}
        return Counts(
            finished=trials.get(TrialState.COMPLETE.name, 0),
            running=trials.get(TrialState.RUNNING.name, 0),
            waiting=trials.get(TrialState.WAITING.name, 0),
            infeasible=infeasible.get(TrialState.COMPLETE.name, 0),
        )
