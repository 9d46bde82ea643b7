"""Training of networks: hyperparameters, task interface, and one LightningModule and DataModule for every task."""

from rnn_capacity.training.checkpoint_files import RunCheckpointIO, load_checkpoint
from rnn_capacity.training.data import CallLoader, TaskDataModule
from rnn_capacity.training.divergence import diverged_metrics, divergence_bound, first_divergence, is_diverged
from rnn_capacity.training.evaluation import evaluate_split, run_result
from rnn_capacity.training.fixed import FixedTask, LossKind
from rnn_capacity.training.fresh import FreshTask
from rnn_capacity.training.gradient import GradientLimits
from rnn_capacity.training.learning_rates import learning_rates
from rnn_capacity.training.losses import generalized_cross_entropy, rising_exponents
from rnn_capacity.training.module import RecurrentModule
from rnn_capacity.training.optimizers import OptimizerChoice
from rnn_capacity.training.randomness import generator
from rnn_capacity.training.rule import TrainingRule
from rnn_capacity.training.schedules import TotalDecay
from rnn_capacity.training.task import Batch, BatchSource, Show, Split, Task

__all__ = [
    "Batch",
    "BatchSource",
    "CallLoader",
    "FixedTask",
    "FreshTask",
    "GradientLimits",
    "LossKind",
    "OptimizerChoice",
    "RecurrentModule",
    "RunCheckpointIO",
    "Show",
    "Split",
    "Task",
    "TaskDataModule",
    "TotalDecay",
    "TrainingRule",
    "diverged_metrics",
    "divergence_bound",
    "evaluate_split",
    "first_divergence",
    "generalized_cross_entropy",
    "generator",
    "is_diverged",
    "learning_rates",
    "load_checkpoint",
    "rising_exponents",
    "run_result",
]
