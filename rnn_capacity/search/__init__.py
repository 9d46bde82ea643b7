"""From a sweep file to the points that are tried."""

from rnn_capacity.search.importance import importances
from rnn_capacity.search.narrowing import narrow
from rnn_capacity.search.proposals import Proposer
from rnn_capacity.search.space import Space
from rnn_capacity.search.sweep import Metric, Sweep, parse_sweep, read_sweep

__all__ = ["Metric", "Proposer", "Space", "Sweep", "importances", "narrow", "parse_sweep", "read_sweep"]
