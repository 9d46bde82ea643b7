"""Report: from stored results to tables, figures and a page. It trains nothing."""

from rnn_capacity.report.claims import Claim, judge
from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import TrialResult

__all__ = ["Claim", "Estimate", "TrialResult", "judge"]
