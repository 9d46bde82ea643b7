"""Loads the compiled C++ kernel as a shared library, in the fastest build that this processor can run.

`pip install` compiles the C++ files of this folder three times, for processors with AVX-512, with AVX2 and with neither
(on ARM the last one uses NEON), if it finds a compiler. The builds are plain shared libraries that ctypes loads.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor

from rnn_capacity.kernels.native.structures import Recurrence, Shape, TrainingJob, address

VARIABLE = "RNN_CAPACITY_KERNEL"
"""Environment variable that chooses the build of the compiled kernel: auto (default, the fastest), avx512, avx2,
baseline, or off."""

BUILDS = ("avx512", "avx2", "baseline")
"""The builds of the compiled kernel, the fastest first."""

DONE, UNKNOWN_CELL, OUT_OF_MEMORY, NO_THREADS = range(4)
"""Return values of the compiled kernel's functions."""

CAPABILITIES = {"AVX512": BUILDS, "AVX2": BUILDS[1:]}
"""Builds that a processor can run, by the name that torch gives its instruction set; other processors run only the
baseline."""


class Library:
    """A build of the compiled C++ kernel, loaded with ctypes.

    Args:
        build: Its name.
        path: The shared library.
    """

    def __init__(self, build: str, path: Path) -> None:
        self.build = build
        self._functions = ctypes.CDLL(str(path))
        self._functions.lanes_of_tile.restype = ctypes.c_int64

    def lanes(self, dtype: torch.dtype) -> int:
        """Return the number of samples that the compiled kernel computes together in one tile, for a dtype."""
        return int(self._functions.lanes_of_tile(ctypes.c_int64(dtype.itemsize)))

    def train(self, dtype: torch.dtype, shape: Shape, jobs: ctypes.Array[TrainingJob], steps: int) -> None:
        """Train several networks of one shape for some optimizer steps, on `torch.get_num_threads()` threads.

        Args:
            dtype: float32 or float64.
            shape: The shape that the networks share.
            jobs: The networks.
            steps: Optimizer steps.

        Raises:
            MemoryError: If there is not enough memory.
            RuntimeError: If the system allows no more threads.
        """
        count, workers = ctypes.c_int64(len(jobs)), ctypes.c_int64(torch.get_num_threads())
        self._call("train", dtype, ctypes.byref(shape), jobs, count, ctypes.c_int64(steps), workers)

    def run_recurrence(self, dtype: torch.dtype, recurrence: Recurrence, *, backward: bool) -> None:
        """Run one layer of K networks over all time steps, forward or backward, on `torch.get_num_threads()` threads.

        Args:
            dtype: float32 or float64.
            recurrence: The layer.
            backward: Compute gradients instead of results.

        Raises:
            MemoryError: If there is not enough memory.
            RuntimeError: If the system allows no more threads.
        """
        workers = ctypes.c_int64(torch.get_num_threads())
        self._call("recurrence", dtype, ctypes.byref(recurrence), ctypes.c_int64(backward), workers)

    def activations(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Compute tanh and sigmoid of a float32 tensor, of a multiple of 16 elements, by the compiled kernel."""
        tanhs, sigmoids = torch.empty_like(values), torch.empty_like(values)
        arrays = (ctypes.c_void_p(address(part)) for part in (values, tanhs, sigmoids))
        self._functions.activations_float(*arrays, ctypes.c_int64(values.numel()))
        return tanhs, sigmoids

    def _call(self, name: str, dtype: torch.dtype, *arguments: object) -> None:
        status = getattr(self._functions, f"{name}_{'double' if dtype == torch.float64 else 'float'}")(*arguments)
        if status == OUT_OF_MEMORY:
            raise MemoryError("the compiled kernel needs more memory than there is")
        if status == NO_THREADS:
            raise RuntimeError(
                f"the compiled kernel cannot start {torch.get_num_threads()} threads; OMP_NUM_THREADS sets fewer"
            )
        if status != DONE:
            raise ValueError(f"cell must be one that the compiled kernel has, status {status}")


@contextmanager
def kernel_build(build: str) -> Iterator[None]:
    """Context manager that uses another build of the compiled kernel, or none.

    Args:
        build: A value of RNN_CAPACITY_KERNEL; "off" uses torch alone.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = build
    native_library.cache_clear()
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
        native_library.cache_clear()


@cache
def native_library() -> Library | None:
    """Load the fastest build that this processor can run, or the one that RNN_CAPACITY_KERNEL names.

    Returns:
        The library; None if it is off or not built.

    Raises:
        ValueError: If the variable has an unknown value or names a build that cannot run here.

    Example:
        >>> library = native_library()
        >>> library is None or library.build in ("avx512", "avx2", "baseline")
        True
    """
    chosen = os.environ.get(VARIABLE, "auto")
    if chosen not in ("auto", "off", *BUILDS):
        raise ValueError(f"{VARIABLE} must be one of auto, off, {', '.join(BUILDS)}; got {chosen!r}")
    if chosen == "off":
        return None
    runnable = CAPABILITIES.get(torch.backends.cpu.get_cpu_capability(), BUILDS[2:])
    if chosen != "auto" and chosen not in runnable:
        raise ValueError(f"{VARIABLE} must be one of auto, off, {', '.join(runnable)} here, got {chosen!r}")
    for build in runnable if chosen == "auto" else (chosen,):
        for suffix in EXTENSION_SUFFIXES:
            path = Path(__file__).with_name(f"_{build}{suffix}")
            if path.is_file():
                return Library(build, path)
    if chosen != "auto":
        raise ValueError(f"{VARIABLE} must name a build that is installed, got {chosen!r}")
    warnings.warn(
        "the compiled kernel is not built, so that training is several times slower; install a C++ compiler and "
        f"rnn-capacity again, or set {VARIABLE}=off to silence this",
        stacklevel=2,
    )
    return None
