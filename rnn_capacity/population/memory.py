"""The memory that a population's steps take."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import torch

CPU_BYTES = 2**30
"""Most that the networks of one chunk may keep on the way to a step's gradient; what does not fit is another chunk."""

DEVICE_SHARE = 0.5
"""The same on another device, as a share of its free memory."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""The numbers of two settings of glibc's allocator."""


def chunk_bytes(device: torch.device) -> int:
    """The memory that one chunk may take on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(DEVICE_SHARE * free)
    return CPU_BYTES


@cache
def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one.

    By default it gives large pieces back to the system, and each step then waits for them to be zeroed and mapped
    again. Elsewhere than on Linux with glibc nothing is done.
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
