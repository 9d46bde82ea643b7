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
from tests.metrics import two_processes


@pytest.fixture
def answers() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(4)
    targets = torch.randint(3, (301,), generator=random)
    return F.one_hot(targets, 3) + torch.randn(301, 3, generator=random), targets


def compute_in_two_processes(answers: tuple[Tensor, Tensor], folder: Path) -> list[dict[str, float]]:
    """The metrics that this process and another one compute together, each from half of the answers."""
    torch.save(answers, folder / "answers.pt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rendezvous = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, str(Path(two_processes.__file__)), str(folder / "answers.pt"), rendezvous, "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            metrics = two_processes.compute(str(folder / "answers.pt"), rendezvous, 0)
            return [metrics, json.loads(other.communicate(timeout=60)[0])]
        finally:
            other.kill()


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
