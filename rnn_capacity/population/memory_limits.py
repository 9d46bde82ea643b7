"""Memory limits of a population."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import torch

CPU_BYTES = 2**30
"""Largest memory of a chunk on a CPU; further members form another chunk."""

DEVICE_SHARE = 0.5
"""Largest memory of a chunk on another device, as a share of its free memory."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Numbers of two parameters of glibc's `mallopt`."""


def chunk_bytes(device: torch.device) -> int:
    """Return the memory in bytes that a chunk may take on a device.

    Args:
        device: The device.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(DEVICE_SHARE * free)
    return CPU_BYTES


@cache
def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step; changes the process until it ends.

    By default glibc returns large blocks to the system, and each step then waits for them to be zeroed and mapped
    again. On systems other than Linux with glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for most in (2**30, 2**25):  # older versions of glibc refuse the first
        if mallopt(MMAP_THRESHOLD, most):
            mallopt(TRIM_THRESHOLD, 2**31 - 1)
            return
