"""Many networks, trained in one step."""

from rnn_capacity.population.member import Member
from rnn_capacity.population.module import Figures, Population
from rnn_capacity.population.train import quiet_trainer, train

__all__ = ["Figures", "Member", "Population", "quiet_trainer", "train"]
