"""The loop of a worker: it claims trials, trains their networks at once, and claims the next ones."""

from __future__ import annotations

import time

import torch

from rnn_capacity.search.run.events import Events
from rnn_capacity.search.run.stopping import StopRequest
from rnn_capacity.search.run.study_runner import StudyRunner

POLL = 1.0
"""Seconds between two looks for trials of dead workers, while other workers run all that is left."""


def run_worker(
    studies: list[StudyRunner], device: torch.device, population: int, events: Events, stop: StopRequest
) -> None:
    """Run trials until every study has its total of finished trials.

    The studies are run in their order. Where other workers run the rest of one, this worker goes on with the next;
    where they run the rest of all, it waits: a worker may die, and its trials are then claimed here. Each round reads a
    study once.

    Args:
        studies: The studies.
        device: Where the networks are trained.
        population: Trials that train at once.
        events: Receives what happens.
        stop: Ends the loop after a signal.

    Raises:
        Stopped: If a signal came.
        StorageError: If the storage fails.
    """
    left = list(studies)
    while left:
        stop.check()
        for study in left:
            study.refresh()
            if trials := study.claim(population):
                study.run(trials, device, events, stop)
                break
        else:
            left = [study for study in left if study.missing]
            until = time.monotonic() + POLL
            while left and time.monotonic() < until:
                stop.check()
                time.sleep(0.1)
