"""The builds of the compiled kernel that this machine can run, and a way to choose one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from rnn_capacity.kernels.native.library import BUILDS, CAPABILITIES, VARIABLE, native_library

RUNNABLE = CAPABILITIES.get(torch.backends.cpu.get_cpu_capability(), BUILDS[2:])


@contextmanager
def kernel_build(build: str) -> Iterator[None]:
    """Let the package use one build of the compiled kernel, or none ("off"); skip a test whose build is not there."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = build
    native_library.cache_clear()
    try:
        try:
            native_library()
        except ValueError:
            pytest.skip(f"the build {build} is not installed")
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
        native_library.cache_clear()
