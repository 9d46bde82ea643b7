"""Recording of optimizer steps on a GPU: which steps are recorded, and that they equal steps made one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from rnn_capacity import tasks
from rnn_capacity.population import Member, quiet_trainer, train
from rnn_capacity.population import chunk as chunks
from rnn_capacity.population.step_recorder import RECORD_AFTER, StepRecorder
from rnn_capacity.training import Batch
from tests.population.members import member, weights

FACTOR = 3.0


class Replays:
    """Stands for a CUDA graph of a function that multiplies the factors by `FACTOR`."""

    recorder: StepRecorder
    replays: list[Replays]

    def replay(self) -> None:
        """Do what the recorded operations would do: read the recorder's tensors and write its losses."""
        self.replays.append(self)
        self.recorder.losses.copy_(self.recorder.factors * FACTOR + self.recorder.exponents)


def test_a_step_is_recorded_once_for_a_batch_and_repeated_with_new_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Batch] = []
    replays: list[Replays] = []

    def update(batch: Batch, sample_weights: Tensor, factors: Tensor, exponents: Tensor | None) -> Tensor:
        made.append(batch)
        return factors * FACTOR + (0.0 if exponents is None else exponents)

    @contextmanager
    def recording(graph: Any) -> Iterator[None]:
        graph.recorder, graph.replays = recorder, replays
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Replays)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    recorder, sample_weights = StepRecorder(update), torch.ones(4)
    first, second = (Batch(torch.zeros(4, 1, 2), torch.zeros(4), 4, True) for _ in range(2))

    def losses(batch: Batch, count: int) -> list[float]:
        return [
            recorder(batch, sample_weights, torch.tensor([float(step)]), torch.tensor([0.5])).item()
            for step in range(count)
        ]

    expected = [FACTOR * step + 0.5 for step in range(RECORD_AFTER + 5)]
    assert losses(first, RECORD_AFTER + 5) == expected
    assert len(made) == RECORD_AFTER + 1, "all steps before the recording, and the recording itself"
    assert len(replays) == 5
    assert losses(second, RECORD_AFTER) == expected[:RECORD_AFTER]
    assert len(replays) == 5, "another batch is not the recorded one"
    assert losses(second, 1) == expected[:1]
    assert len(replays) == 6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="records on a GPU, and there is none")
@pytest.mark.parametrize("cell", ["rnn", "lstm", "intersection"])
def test_recorded_steps_give_the_weights_of_steps_made_one_by_one(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> list[Tensor]:
        task = tasks.RandomMapping(samples=60, input_size=6, steps=3, loss_exponent=0.5)
        members: list[Member] = [member(index, 2 * RECORD_AFTER + index, cell, task=task) for index in range(3)]
        train(members, quiet_trainer(accelerator="cuda", precision="64-true"))
        return [weights(one).cpu() for one in members]

    recorded = trained()
    monkeypatch.setattr(chunks, "StepRecorder", lambda update: update)
    torch.testing.assert_close(recorded, trained(), rtol=1e-9, atol=1e-9)
