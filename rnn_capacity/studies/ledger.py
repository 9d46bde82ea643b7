"""A study's trials in the storage: what every reader of them needs."""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies.record import FEASIBLE, STATES
from rnn_capacity.studies.storage import Storage
from rnn_capacity.studies.trial import Counts


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


def count(trials: list[FrozenTrial]) -> Counts:
    """How many of the trials are in which state."""
    states = [trial.state for trial in trials]
    return Counts(
        finished=states.count(TrialState.COMPLETE),
        running=states.count(TrialState.RUNNING),
        waiting=states.count(TrialState.WAITING),
        infeasible=sum(t.state is TrialState.COMPLETE and t.user_attrs.get(FEASIBLE) is False for t in trials),
    )
