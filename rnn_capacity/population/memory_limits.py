"""Limits of the memory that a population's training takes."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import torch

CPU_BYTES = 2**30
"""Largest number of bytes that members trained together (a chunk) may take on a CPU; further members form another
chunk."""

DEVICE_SHARE = 0.5
"""Largest share of a GPU's free memory that members trained together (a chunk) may take."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Values of the constants M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, which name parameters of glibc's `mallopt`."""


def chunk_bytes(device: torch.device) -> int:
    """Return the bytes that members of a population trained together (a chunk) may take on a device.

    Args:
        device: The device.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(DEVICE_SHARE * free)
    return CPU_BYTES


@cache
def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step instead of returning it to the system, until this process ends.

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
