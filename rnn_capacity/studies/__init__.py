"""Studies of hyperparameters: Optuna trials in a storage that several worker processes share."""

from rnn_capacity.studies.address import hide_password
from rnn_capacity.studies.snapshot import Snapshot
from rnn_capacity.studies.storage_errors import StorageError
from rnn_capacity.studies.study import Study, study_names
from rnn_capacity.studies.timing import Timing
from rnn_capacity.studies.trial import Goal, Params, Proposal, failures, feasible, metrics, retries_exhausted, values

__all__ = [
    "Goal",
    "Params",
    "Proposal",
    "Snapshot",
    "StorageError",
    "Study",
    "Timing",
    "failures",
    "feasible",
    "hide_password",
    "metrics",
    "retries_exhausted",
    "study_names",
    "values",
]
