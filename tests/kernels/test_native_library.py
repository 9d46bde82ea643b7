from __future__ import annotations

import struct
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from rnn_capacity.kernels.native import library, native_library
from tests.kernel_builds import RUNNABLE, kernel_build


@pytest.fixture
def fresh_choice() -> object:
    native_library.cache_clear()
    yield
    native_library.cache_clear()


def float_from_bits(bits: Tensor) -> Tensor:
    return bits.to(torch.int32).view(torch.float32)


def distance(one: Tensor, two: Tensor) -> Tensor:
    """Number of float32 numbers between two, 0 for equal ones."""
    bits = [values.view(torch.int32).long() for values in (one, two)]
    ordered = [torch.where(part < 0, -(part & 0x7FFFFFFF), part) for part in bits]
    return (ordered[0] - ordered[1]).abs()


@pytest.mark.parametrize("build", RUNNABLE)
def test_tanh_and_sigmoid_are_within_four_units_in_the_last_place(build: str) -> None:
    bits = torch.arange(-(2**31), 2**31, 2039)
    values = float_from_bits(bits[: len(bits) // 16 * 16])
    values = values[torch.isfinite(values)]
    values = values[: len(values) // 16 * 16].contiguous()
    with kernel_build(build):
        found = native_library()
        assert found is not None
        tanhs, sigmoids = found.activations(values)
    exact = values.double()
    assert int(distance(tanhs, torch.tanh(exact).float()).max()) <= 4
    expected = torch.sigmoid(exact).float()
    normal = expected >= torch.finfo(torch.float32).tiny  # smaller results are flushed to zero
    assert int(distance(sigmoids, expected)[normal].max()) <= 4
    assert bool((sigmoids[~normal] <= torch.finfo(torch.float32).tiny).all())


@pytest.mark.parametrize("build", RUNNABLE)
def test_activations_of_infinity_and_nan(build: str) -> None:
    values = torch.tensor([float("inf"), -float("inf"), float("nan"), -0.0] * 4)
    with kernel_build(build):
        found = native_library()
        assert found is not None
        tanhs, sigmoids = found.activations(values)
    assert tanhs[:2].tolist() == [1.0, -1.0]
    assert sigmoids[:2].tolist() == [1.0, 0.0]
    assert tanhs[2].isnan()
    assert sigmoids[2].isnan()
    assert struct.pack("f", tanhs[3].item()) == struct.pack("f", -0.0)


@pytest.mark.parametrize("build", RUNNABLE)
def test_a_build_can_be_chosen(build: str) -> None:
    with kernel_build(build):
        found = native_library()
        assert found is not None
        assert found.build == build


def test_the_kernel_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, fresh_choice: object) -> None:
    monkeypatch.setenv(library.VARIABLE, "off")
    assert native_library() is None


def test_an_unknown_build_is_rejected(monkeypatch: pytest.MonkeyPatch, fresh_choice: object) -> None:
    monkeypatch.setenv(library.VARIABLE, "fast")
    with pytest.raises(ValueError, match=r"RNN_CAPACITY_KERNEL must be one of auto, off, avx512.*; got 'fast'"):
        native_library()


def test_a_build_that_the_processor_cannot_run_is_rejected(
    monkeypatch: pytest.MonkeyPatch, fresh_choice: object
) -> None:
    monkeypatch.setenv(library.VARIABLE, "avx512")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    with pytest.raises(ValueError, match="must be one of auto, off, baseline here, got 'avx512'"):
        native_library()


def test_the_fastest_build_that_the_processor_can_run_is_chosen(
    monkeypatch: pytest.MonkeyPatch, fresh_choice: object
) -> None:
    chosen = {}
    for capability in ("AVX512", "AVX2", "DEFAULT"):
        if capability not in ("DEFAULT", torch.backends.cpu.get_cpu_capability()):
            continue
        with monkeypatch.context() as patch:
            patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda name=capability: name)
            native_library.cache_clear()
            found = native_library()
            chosen[capability] = found and found.build
    assert chosen.pop("DEFAULT") == "baseline"
    assert all(build == capability.lower() for capability, build in chosen.items())


def test_a_missing_kernel_is_reported_once(monkeypatch: pytest.MonkeyPatch, fresh_choice: object) -> None:
    monkeypatch.setattr(library, "EXTENSION_SUFFIXES", [])
    with pytest.warns(UserWarning, match="the compiled kernel is not built"):
        assert native_library() is None
    assert native_library() is None


WITHOUT_MEMORY_FOR_THREADS = """
import resource
import torch
from rnn_capacity.models import NetworkEnsemble, RecurrentNetwork

ensemble = NetworkEnsemble([RecurrentNetwork("rnn", 1, 2, 3, 1)])
inputs = torch.zeros(1, 8, 2, 2)
ensemble(inputs)
used = 1024 * int(open("/proc/self/status").read().split("VmSize:")[1].split()[0])
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, before[1]))
torch.set_num_threads(500)
try:
    ensemble(inputs)
except RuntimeError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, before)
torch.set_num_threads(2)
print(ensemble(inputs)[0].shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory by Linux's means")
def test_threads_that_cannot_start_are_an_error_and_the_kernel_goes_on() -> None:
    code = [sys.executable, "-c", WITHOUT_MEMORY_FOR_THREADS]
    done = subprocess.run(code, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.splitlines() == [
        "the compiled kernel cannot start 500 threads; OMP_NUM_THREADS sets fewer",
        "torch.Size([1, 8, 2, 1])",
    ], done.stderr
