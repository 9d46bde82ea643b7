"""Many networks, trained in one step."""

from rnn_capacity.population.member import Member
from rnn_capacity.population.train import Figures, train

__all__ = ["Figures", "Member", "train"]
