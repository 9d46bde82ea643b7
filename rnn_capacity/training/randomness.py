"""Random numbers as a function of what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator(seed: int, *purpose: int) -> torch.Generator:
    """A CPU generator that depends on its arguments alone.

    Drawing on the CPU gives the same numbers whatever device the network is on. Batch k of a task comes from
    `generator(task_seed, k)`, so a resumed run, another process and a population all see the same data. The generator
    has 32 bits of seed: among a million batches about a hundred pairs are equal.

    Args:
        seed: The task's or the network's seed, at least 0.
        *purpose: What is drawn, as non-negative numbers, for example a split and a batch index.

    Raises:
        ValueError: If a number is negative.
    """
    if min(seed, *purpose, seed) < 0:
        raise ValueError(f"seed: {(seed, *purpose)} given, numbers of at least 0 needed")
    # the CPU's generator takes 32 bits of its seed
    state = np.random.SeedSequence(seed, spawn_key=purpose).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


@contextmanager
def drawing(device: torch.device, seed: int, *purpose: int) -> Iterator[None]:
    """Draw from the global generators of the CPU and the device as `generator` would; leave them as they were.

    For what takes no generator of its own, such as dropout.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(generator(seed, *purpose).initial_seed())
        yield
