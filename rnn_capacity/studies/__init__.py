"""Studies: what is measured, trial by trial, and the storage that several workers share."""

from rnn_capacity.studies.address import shown
from rnn_capacity.studies.patience import StorageError
from rnn_capacity.studies.study import Study, study_names
from rnn_capacity.studies.timing import Timing
from rnn_capacity.studies.trial import Counts, Goal, Params, Proposal, StoredTrial

__all__ = [
    "Counts",
    "Goal",
    "Params",
    "Proposal",
    "StorageError",
    "StoredTrial",
    "Study",
    "Timing",
    "shown",
    "study_names",
]
