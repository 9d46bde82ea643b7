"""The compiled kernel in a process that forks, and in one that is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from rnn_capacity.population import Member
from rnn_capacity.population.kernel_chunk import KernelChunk
from rnn_capacity.population.plan import plan_member
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule
from tests.kernel_builds import kernel_build


@pytest.fixture(autouse=True)
def build() -> str:
    """The fastest build of the compiled kernel; torch alone is not tested here."""
    return "auto"


LONG = """
import signal
import torch
from rnn_capacity.population import Member, train
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs without it
torch.set_num_threads(2)
task = RandomMapping(samples=20000, input_size=24)
modules = [RecurrentModule("lstm", hidden_size=32, input_size=24, seed=seed, steps_per_call=2) for seed in range(8)]
train(
    [Member(module, task, max_steps=10**6) for module in modules],
    on_call=lambda made: made == 2 and print("trains", flush=True),
)
"""


def make_chunk() -> KernelChunk:
    """Make a chunk of three networks, which two threads share unevenly."""
    task = RandomMapping(samples=300, input_size=12)
    modules = [RecurrentModule("gru", hidden_size=4, input_size=12, seed=seed) for seed in range(3)]
    return KernelChunk([plan_member(seed, Member(module, task, 50), {}) for seed, module in enumerate(modules)])


def test_a_process_that_has_used_the_kernel_can_fork() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with kernel_build("auto"):
            first, second = make_chunk(), make_chunk()
            expected = first.advance()[1].tolist()
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                os._exit(0 if second.advance()[1].tolist() == expected else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        torch.set_num_threads(threads)


def test_an_interrupted_call_ends_within_seconds() -> None:
    process = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "trains\n"
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert time.monotonic() - sent < 10
