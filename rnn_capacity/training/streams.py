"""Distributes the recurrent state that text streams carry between batches over the processes of a run."""

from __future__ import annotations

from typing import cast

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.cells import State


def gather_streams(module: LightningModule, state: list[State]) -> list[State]:
    """Gather the recurrent state of all text streams from all processes, in stream order (a collective call).

    Args:
        module: A module whose trainer runs.
        state: State of this process's streams, for each layer tensors (streams, hidden_size); the number of streams of
            two processes may differ by one.
    """
    own = len(state[0][0])
    counts = gather(module, torch.tensor([own], device=module.device))
    most, total = int(counts.max()), int(counts.sum())

    def gather_all(part: Tensor) -> Tensor:
        padded = F.pad(part, (0, 0, 0, most - own))
        return gather(module, padded).transpose(0, 1).flatten(0, 1)[:total]

    return [tuple(gather_all(part) for part in layer) for layer in state]


def gather(module: LightningModule, values: Tensor) -> Tensor:
    """Gather a tensor of the same shape from every process, (processes, ...)."""
    return cast(Tensor, module.all_gather(values)).reshape(-1, *values.shape)


def select_streams(module: LightningModule, state: list[State]) -> list[State]:
    """Take this process's share of all streams' state, every `world_size`-th stream, to its device."""
    share = slice(module.trainer.global_rank, None, module.trainer.world_size)
    return [tuple(part[share].to(module.device) for part in layer) for layer in state]
