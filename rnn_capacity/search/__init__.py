"""Hyperparameter search: reads W&B sweep files, defines search spaces, and samples points for Optuna trials."""

from rnn_capacity.search.results.importance import importances
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.space.narrowing import narrow
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.search.space.sweep_file import Metric, Sweep, parse_sweep, read_sweep

__all__ = ["Metric", "Sampler", "SearchSpace", "Sweep", "importances", "narrow", "parse_sweep", "read_sweep"]
