from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_capacity.metrics import StoredInformation


@pytest.fixture
def answers() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(4)
    targets = torch.randint(3, (301,), generator=random)
    return F.one_hot(targets, 3) + torch.randn(301, 3, generator=random), targets


def compute_in_two_processes(answers: tuple[Tensor, Tensor], folder: Path) -> list[dict[str, float]]:
    torch.save(answers, folder / "answers.pt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rendezvous = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    script = str(Path(__file__).with_name("two_processes.py"))
    commands = [[sys.executable, script, str(folder / "answers.pt"), rendezvous, rank] for rank in "01"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    try:
        return [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()


def test_two_processes_with_unequal_halves_compute_the_metrics_of_one_process(
    answers: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    logits, targets = answers
    first, second = compute_in_two_processes(answers, tmp_path)
    alone = StoredInformation(parameters=50, classes=3)
    for rank in range(2):
        alone.update(logits[rank::2], targets[rank::2])
    metrics = alone.compute()
    assert metrics["likelihood_bits"] > 20
    assert first == metrics
    assert second == metrics
