"""Creates random generators from a task's or network's seed and the purpose of the draw, such as a batch index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator(seed: int, *purpose: int) -> torch.Generator:
    """Create a CPU random generator from a seed and from numbers for the purpose of the draw, such as a batch index.

    Drawing on the CPU gives the same numbers whatever device the network is on. Training batch k of a `FreshTask` comes
    from `generator(task_seed, TRAINING, k)`, so that a resumed run, another process and a population all see the same
    data. The generator has 32 bits of seed: among a million batches about a hundred pairs are equal.

    Args:
        seed: Seed of the task or the network, at least 0.
        *purpose: Non-negative numbers that name what is drawn, for example a split and a batch index.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> import torch
        >>> one, two = (torch.rand(1, generator=generator(0, 5)) for _ in range(2))
        >>> bool(one == two)
        True
    """
    if min(seed, *purpose, seed) < 0:
        raise ValueError(f"seed must be at least 0, got {(seed, *purpose)}")
    # torch's CPU generator uses 32 bits of its seed
    state = np.random.SeedSequence(seed, spawn_key=purpose).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


@contextmanager
def seeded_global_generators(device: torch.device, seed: int, *purpose: int) -> Iterator[None]:
    """Context manager that seeds torch's global generators of the CPU and a device, and restores them at the end.

    Functions such as dropout take no generator of their own.

    Args:
        device: The device.
        seed: As for `generator`.
        *purpose: As for `generator`.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(generator(seed, *purpose).initial_seed())
        yield
