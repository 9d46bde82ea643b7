"""Computes the metric of half of the answers: `python two_processes.py ANSWERS RENDEZVOUS RANK`."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import torch
from torch import distributed

from rnn_capacity.metrics import StoredInformation


def compute(answers: str, rendezvous: str, rank: int) -> dict[str, float]:
    """The metrics that this process and another one compute together."""
    logits, targets = torch.load(answers)
    distributed.init_process_group(
        "gloo", init_method=rendezvous, rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    try:
        metric = StoredInformation(parameters=50, classes=3)
        metric.update(logits[rank::2], targets[rank::2])
        return metric.compute()
    finally:
        distributed.destroy_process_group()


if __name__ == "__main__":
    print(json.dumps(compute(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
