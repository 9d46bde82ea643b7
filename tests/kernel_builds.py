"""The builds of the compiled kernel that this machine can run, and a way to test with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from rnn_capacity.kernels.native import library
from rnn_capacity.kernels.native.library import BUILDS, CAPABILITIES

RUNNABLE = CAPABILITIES.get(torch.backends.cpu.get_cpu_capability(), BUILDS[2:])


@contextmanager
def kernel_build(build: str) -> Iterator[None]:
    """Use one build of the compiled kernel, or none ("off"); skip the test if the build is not installed."""
    with library.kernel_build(build):
        try:
            library.native_library()
        except ValueError:
            pytest.skip(f"the build {build} is not installed")
        yield
