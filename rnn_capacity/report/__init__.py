"""Makes tables, figures and an HTML page from the finished trials of stored studies; trains nothing."""

from rnn_capacity.report.claims import Claim, judge
from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import TrialResult

__all__ = ["Claim", "Estimate", "TrialResult", "judge"]
