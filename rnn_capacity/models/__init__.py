"""Networks of recurrent cells: deep stacks, initial weights, parameter counts, and ensembles of K networks."""

import torch

from rnn_capacity.models.ensemble import NetworkEnsemble, can_run_together
from rnn_capacity.models.initialization import Initialization
from rnn_capacity.models.network import RecurrentNetwork
from rnn_capacity.models.size import parameter_count, units_for_budget
from rnn_capacity.models.stack import Stack
from rnn_capacity.models.unroll import unroll

torch.serialization.add_safe_globals([Initialization])  # a checkpoint keeps it among the hyperparameters

__all__ = [
    "Initialization",
    "NetworkEnsemble",
    "RecurrentNetwork",
    "Stack",
    "can_run_together",
    "parameter_count",
    "units_for_budget",
    "unroll",
]
