"""The tasks of the paper, one dataclass each, whose fields are the options of `--data` on the command line.

A task subclasses `FreshTask` or `FixedTask` (`rnn_capacity.training`); the command line knows those imported here.
"""

from rnn_capacity.tasks.arithmetic import Arithmetic
from rnn_capacity.tasks.continuous_function import ContinuousFunction
from rnn_capacity.tasks.language import Language
from rnn_capacity.tasks.memory import Memory
from rnn_capacity.tasks.parentheses import Parentheses
from rnn_capacity.tasks.random_mapping import RandomMapping

__all__ = ["Arithmetic", "ContinuousFunction", "Language", "Memory", "Parentheses", "RandomMapping"]
