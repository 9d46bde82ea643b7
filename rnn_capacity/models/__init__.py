"""From a cell to a network: the stack, its initial weights, its size."""

import torch

from rnn_capacity.models.initialization import Initialization
from rnn_capacity.models.network import RecurrentNetwork
from rnn_capacity.models.size import parameter_count, units_for_budget
from rnn_capacity.models.stack import Stack
from rnn_capacity.models.stacked import stacked
from rnn_capacity.models.unroll import unroll
from rnn_capacity.models.vmapped import VmappedNetwork

torch.serialization.add_safe_globals([Initialization])  # a checkpoint keeps it among the hyperparameters

__all__ = [
    "Initialization",
    "RecurrentNetwork",
    "Stack",
    "VmappedNetwork",
    "parameter_count",
    "stacked",
    "units_for_budget",
    "unroll",
]
