"""Random numbers as a function of what they are for."""

from __future__ import annotations

import numpy as np
import torch


def generator(seed: int, *purpose: int) -> torch.Generator:
    """A CPU generator that depends on its arguments alone.

    Drawing on the CPU gives the same numbers whatever device the network is on. Batch k of a task comes from
    `generator(task_seed, k)`, so a resumed run, another process and a population all see the same data.

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
