"""Populations: many networks trained together, each with its own hyperparameters."""

from rnn_capacity.population.member import Member
from rnn_capacity.population.module import EndlessCallLoader, Population, Result
from rnn_capacity.population.train import quiet_trainer, train

__all__ = ["EndlessCallLoader", "Member", "Population", "Result", "quiet_trainer", "train"]
