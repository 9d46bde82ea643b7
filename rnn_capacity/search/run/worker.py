"""What one worker does: it claims trials of a study, trains them at once, and claims the next."""

from __future__ import annotations

import time

import torch

from rnn_capacity.search.run.study_runner import Listener, StudyRunner

POLL = 1.0
"""Seconds between two looks for trials of a worker that died, while others run all that is left."""


def work(searches: list[StudyRunner], device: torch.device, population: int, watcher: Listener) -> None:
    """Run trials until every study has as many as it is to have.

    The studies come in their order. Where other workers have all that is left of one, this one goes on with the next;
    where they have all that is left of all, it waits: one of them may die, and its trials are then claimed here.

    Args:
        searches: The studies.
        device: Where the networks are trained.
        population: Trials that are trained at once.
        watcher: Looks on.

    Raises:
        Stopped: If the watcher ends it.
        StorageError: If the storage fails.
    """
    left = list(searches)
    while left:
        watcher.check()
        for search in left:
            trials = search.claim(population)
            if trials:
                search.run(trials, device, watcher)
                break
        else:
            left = [search for search in left if unfinished(search)]
            wait(watcher if left else None)


def unfinished(search: StudyRunner) -> bool:
    """Whether a study that has nothing to claim is to have more results; a grid may have no more points."""
    snapshot = search.study.snapshot()
    return len(snapshot.running) + len(snapshot.waiting) > 0 and search.missing(snapshot) > 0


def wait(watcher: Listener | None) -> None:
    """Wait for others, ready to end; not at all without a watcher."""
    until = time.monotonic() + POLL
    while watcher is not None and time.monotonic() < until:
        watcher.check()
        time.sleep(0.1)
