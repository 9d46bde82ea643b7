"""The state that streams carry from batch to batch. Of n processes, the r-th has every n-th stream from r on."""

from __future__ import annotations

from typing import cast

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.cells import State


def gather_streams(module: LightningModule, state: list[State]) -> list[State]:
    """The state of every stream, in the streams' order; all processes must ask for it at once.

    Args:
        module: A module whose trainer runs.
        state: Of this process's streams, for each layer tensors (streams, hidden_size); processes may differ by one.
    """
    mine = len(state[0][0])
    counts = gather(module, torch.tensor([mine], device=module.device))
    most, total = int(counts.max()), int(counts.sum())

    def every(part: Tensor) -> Tensor:
        padded = F.pad(part, (0, 0, 0, most - mine))
        return gather(module, padded).transpose(0, 1).flatten(0, 1)[:total]

    return [tuple(every(part) for part in layer) for layer in state]


def gather(module: LightningModule, values: Tensor) -> Tensor:
    """The values of every process, which have the same shape: (processes, ...)."""
    return cast(Tensor, module.all_gather(values)).reshape(-1, *values.shape)


def share_of_streams(module: LightningModule, state: list[State]) -> list[State]:
    """The state of this process's streams on its device, of every stream's."""
    share = slice(module.trainer.global_rank, None, module.trainer.world_size)
    return [tuple(part[share].to(module.device) for part in layer) for layer in state]
