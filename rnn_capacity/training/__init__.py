"""What every task's LightningModule and LightningDataModule share."""

from rnn_capacity.training.data import Calls, TaskData
from rnn_capacity.training.evaluation import go_through
from rnn_capacity.training.fresh import FreshTask
from rnn_capacity.training.module import RecurrentModule
from rnn_capacity.training.optimizers import OptimizerChoice
from rnn_capacity.training.randomness import generator
from rnn_capacity.training.schedules import TotalDecay
from rnn_capacity.training.task import Batch, Source, Split, Task, at_least

__all__ = [
    "Batch",
    "Calls",
    "FreshTask",
    "OptimizerChoice",
    "RecurrentModule",
    "Source",
    "Split",
    "Task",
    "TaskData",
    "TotalDecay",
    "at_least",
    "generator",
    "go_through",
]
